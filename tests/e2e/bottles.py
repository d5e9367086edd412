"""A home with a manifest and a build context, and plans from it."""

import os
import shutil

TOKEN_SHAPED = "ghp" + "_" + "c4n4ry" * 6
HOST_KEY = ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5"
            "C9okWi0dh2l9GKJl")

BOTTLE = """---
env:
  RUST_LOG: info
  GH_TOKEN: {token}
agent_provider: {{ template: claude, dockerfile: "{dockerfile}" }}
git-gate:
  user: {{ name: Dev, email: dev@example.com }}
  repos:
    app:
      url: ssh://git@git.example.com/acme/app.git
      host_key: {key}
      key: {{ provider: static, path: ~/.ssh/id_acme }}
egress:
  routes:
    - host: api.example.com
      auth: {{ scheme: Bearer, token_ref: API_TOKEN }}
supervise: true
---
Why this bottle exists.
"""


class Home:
    """A manifest tree, a build context and a project."""

    def __init__(self, workdir):
        self.home = workdir
        self.context = workdir / "context"
        self.context.mkdir()
        shutil.copy("/bin/busybox", self.context / "busybox")
        self.dockerfile = self.context / "Dockerfile"
        self.dockerfile.write_text(
            "FROM scratch\nARG SECRET\nCOPY busybox /bin/busybox\n"
            'ENV GREETING=hello\nCMD ["/bin/busybox", "sh"]\n')
        self.project = workdir / "project"
        self.project.mkdir()
        for kind in ("bottles", "agents"):
            (workdir / ".bot-bottle" / kind).mkdir(parents=True, mode=0o755)
        os.chmod(workdir / ".bot-bottle", 0o755)
        self.bottle()
        self.agent()

    def write(self, path, text):
        path = self.home / ".bot-bottle" / path
        path.write_text(text)
        path.chmod(0o644)

    def bottle(self, text=BOTTLE):
        self.write("bottles/dev.md", text.format(
            dockerfile=self.dockerfile, key=HOST_KEY, token=TOKEN_SHAPED))

    def agent(self, text="---\nbottle: dev\n---\nYou are careful.\r\n"):
        self.write("agents/researcher.md", text)


def prepare(daemon, home, *args, **kwargs):
    """The plan, as --json prints it."""
    if "--resume" not in args:
        args = (*args, "--cwd", home.project)
    return daemon.json("prepare", *args, **kwargs)[-1]["plan"]
