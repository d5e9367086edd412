"""Very many WatchJob streams of one job that goes on, one of them frozen; see
bench/watch_bench.cc."""

import json
import signal
import subprocess
import threading
import time

from soak_parts.bottled import BIN, ROOMY, Bottled, SlowJob, directory


# Seconds, after all streams are open.
WATCHED = 5


class Feeder(threading.Thread):
    """Lets the job make progress five times a second."""

    def __init__(self, job):
        super().__init__()
        self.job = job
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(0.2):
            self.job.feed()


def run(report, _rng):
    streams = report.size(10_000, 1000)
    # One process may not have more than 64.
    connections = report.size(50, 20)
    with directory() as base:
        daemon = Bottled(base).start("--max-watchers", str(streams + 10),
                                     *ROOMY)
        job = SlowJob(daemon)
        feeder = Feeder(job)
        feeder.start()
        frozen = daemon.spawn("watch", job.id)
        frozen.stdout.readline()
        frozen.send_signal(signal.SIGSTOP)
        asker = subprocess.Popen([BIN / "watch_bench", "ask", daemon.socket],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 text=True)
        bench = subprocess.Popen(
            [BIN / "watch_bench", daemon.socket, job.id, str(streams),
             str(connections)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True)
        try:
            opened = json.loads(bench.stdout.readline())
            rss = daemon.rss_mb()
            time.sleep(WATCHED)
            asked = json.loads(asker.communicate(timeout=60)[0])
            bench.stdin.write("\n")
            bench.stdin.flush()
            again = json.loads(bench.stdout.readline())
            bench.wait(120)
            feeder.over.set()
            rest = daemon.rss_mb_at_rest()
        finally:
            for process in (bench, asker):
                process.kill()
                process.wait()
            feeder.over.set()
            feeder.join()
            frozen.kill()
            frozen.communicate()
            job.stop()
            daemon.kill()
        report.figure("streams", opened["open"])
        report.at_most("streams that failed",
                       opened["failed"] + again["failed"], 0)
        report.timing("first event, p99", opened["first"]["p99"], 3000)
        report.timing("GetInfo meanwhile, p99", asked["unary"]["p99"], 50)
        report.timing("all cancelled", again["cancel"], 1000)
        report.at_most("resident memory of the daemon", rss, 300, "MB")
        report.figure("resident memory at rest again", rest, "MB")
