"""Leases against collection, in one process: tests/jobs/lease_race_test.cc."""

import os
import re
import subprocess

from soak_parts.bottled import BIN


def run(report, _rng):
    runs = report.size(100_000, 1000)
    env = {**os.environ, "BOTTLED_LEASE_RUNS": str(runs)}
    if os.path.isdir("/dev/shm"):
        # How fast the disk syncs is no matter here.
        env["TMPDIR"] = "/dev/shm"
    result = subprocess.run(
        [BIN / "jobs_test", "--gtest_filter=LeaseRace.*"], env=env,
        capture_output=True, text=True, check=False)
    figures = re.search(r"(\d+) leases, (\d+) misses, (\d+) removed in (\d+)",
                        result.stdout)
    report.figure("rounds of 8 threads each", runs)
    if figures:
        report.figure("leases", figures[1])
        report.figure("artifacts collected meanwhile", figures[3])
    report.none("failures", [] if result.returncode == 0 and figures
                else [result.stdout[-4000:] + result.stderr[-4000:]])
