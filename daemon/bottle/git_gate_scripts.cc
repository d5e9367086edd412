#include "bottle/git_gate_scripts.h"

namespace bottled {

constexpr std::string_view kGitGateEntrypoint = R"sh(#!/bin/sh
# The git gate: a bare mirror per upstream, served by git daemon. A fetch asks
# the upstream first; a push is scanned and passed on before it is accepted.
set -eu
umask 077

config=${BOTTLED_GIT_GATE_CONFIG:-/etc/bottled/git-gate}
data=${BOTTLED_GIT_GATE_DATA:-/var/lib/bottled/git-gate}
listen=${BOTTLED_GIT_GATE_LISTEN:-0.0.0.0}
port=${BOTTLED_GIT_GATE_PORT:-9418}

die() {
  printf 'git-gate: %s\n' "$1" >&2
  exit 1
}

# Only what a shell takes literally: ssh's command line is made of these.
plain_path() {
  case $1 in
    /*) ;;
    *) return 1 ;;
  esac
  case $1 in
    *[!A-Za-z0-9._/-]*) return 1 ;;
  esac
}

plain_path "$config" || die 'the directory of the configuration has a bad name'
plain_path "$data" || die 'the directory of the data has a bad name'
for program in git ssh gitleaks flock; do
  command -v "$program" >/dev/null || die "$program is missing"
done

# Inherited by git daemon and so by the hooks. No configuration but the
# repositories' own; no replaced objects, which would hide others from the scan.
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
export GIT_NO_REPLACE_OBJECTS=1 GIT_TERMINAL_PROMPT=0
unset GIT_DIR GIT_WORK_TREE GIT_SSH GIT_SSH_COMMAND GIT_CONFIG_COUNT \
  GIT_CONFIG_PARAMETERS GIT_PROXY_COMMAND
BOTTLED_GIT_GATE_CONFIG=$config BOTTLED_GIT_GATE_DATA=$data
export BOTTLED_GIT_GATE_CONFIG BOTTLED_GIT_GATE_DATA

# git takes a hook that is not executable for none; mounted files are not.
mkdir -p "$data/bin" "$data/hooks" "$data/repos" "$data/scan"
cp "$config/access-hook" "$data/bin/access-hook"
cp "$config/pre-receive" "$data/hooks/pre-receive"
# gitleaks takes a git that dies for one that had nothing more to say; but it
# tells of all that git writes to stderr, and pre-receive looks at that.
cat >"$data/scan/git" <<'EOF'
#!/bin/sh
PATH=${PATH#*:} git "$@" || {
  status=$?
  printf 'git failed (%s)\n' "$status" >&2
  exit "$status"
}
EOF
chmod 0700 "$data/bin/access-hook" "$data/hooks/pre-receive" "$data/scan/git"
for hook in "$data/bin/access-hook" "$data/hooks/pre-receive" \
  "$data/scan/git"; do
  [ -x "$hook" ] || die "nothing can be executed in $data"
done
[ -s "$config/.gitleaks.toml" ] || die '.gitleaks.toml is missing'

add_upstream() {
  case $1 in
    '' | [!a-z0-9]* | *[!a-z0-9._-]*) die 'a repository has a bad name' ;;
  esac
  case $2 in
    ssh://*) ;;
    *) die "the upstream of $1 is not ssh" ;;
  esac
  plain_path "$3" || die "the key of $1 has a bad path"
  plain_path "$4" || die "the known hosts of $1 have a bad path"
  [ -r "$3" ] || die "the key of $1 cannot be read"
  [ -s "$4" ] || die "the known hosts of $1 are missing"
  repo=$data/repos/$1.git
  git init --quiet --bare "$repo"
  git -C "$repo" config remote.origin.url "$2"
  git -C "$repo" config remote.origin.mirror true
  git -C "$repo" config remote.origin.fetch '+refs/*:refs/*'
  git -C "$repo" config core.hooksPath "$data/hooks"
  git -C "$repo" config core.logAllRefUpdates false
  git -C "$repo" config gc.auto 0
  git -C "$repo" config bottled.ssh "ssh -F /dev/null -i $3 \
-o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes \
-o UserKnownHostsFile=$4 -o GlobalKnownHostsFile=/dev/null \
-o ConnectTimeout=30 -o ServerAliveInterval=15"
  : >"$repo/git-daemon-export-ok"
}

# With --strict-paths these are all that git daemon serves.
set --
tab=$(printf '\t')
while IFS="$tab" read -r name url key known_hosts rest || [ -n "$name" ]; do
  if [ -z "$known_hosts" ] || [ -n "$rest" ]; then
    die 'upstreams.tsv has a line without four fields'
  fi
  add_upstream "$name" "$url" "$key" "$known_hosts"
  set -- "$@" "$data/repos/$name.git"
done <"$config/upstreams.tsv"
[ $# -gt 0 ] || die 'upstreams.tsv is empty'

exec git daemon --reuseaddr --listen="$listen" --port="$port" \
  --log-destination=stderr --verbose --informative-errors --strict-paths \
  --base-path="$data/repos" --enable=receive-pack \
  --forbid-override=receive-pack --access-hook="$data/bin/access-hook" "$@"
)sh";

constexpr std::string_view kGitGateAccessHook = R"sh(#!/bin/sh
# git daemon's access hook: SERVICE REPOSITORY HOST CANONICAL-HOST IP PORT.
# Makes the mirror what the upstream is, or refuses. The first line on stdout is
# the client's error message.
set -eu
umask 077

deny() {
  printf '%s\n' "$1"
  exit 1
}

case $1 in
  upload-pack | receive-pack) ;;
  *) deny 'this service is not offered' ;;
esac
cd "$2" || deny 'no such repository'
GIT_SSH_COMMAND=$(git config --get bottled.ssh) || deny 'no such repository'
export GIT_SSH_COMMAND

# Two fetches at once would fail on each other's locks.
exec 9>bottled.lock
flock -w 120 9 || deny 'the upstream is busy'
git fetch --quiet --no-auto-gc --no-write-fetch-head origin --prune \
  >/dev/null 9>&- || deny 'the upstream cannot be reached'

# A new mirror, or a default branch that is gone: take the upstream's.
if ! git rev-parse --quiet --verify HEAD >/dev/null; then
  head=$(git ls-remote --symref origin HEAD 9>&- |
    sed -n 's,^ref: \(refs/heads/[^[:space:]]*\)[[:space:]]HEAD$,\1,p')
  [ -z "$head" ] || git symbolic-ref HEAD "$head"
fi
)sh";

constexpr std::string_view kGitGatePreReceive = R"sh(#!/bin/sh
# Reads "OLD NEW REF" lines. Scans every commit that no ref has yet, then hands
# the same updates to the upstream; only when it took all of them they are
# accepted here. git keeps the new objects in quarantine until then.
set -eu
umask 077

refuse() {
  printf 'git-gate: %s\n' "$1" >&2
  exit 1
}

config=${BOTTLED_GIT_GATE_CONFIG:?}
data=${BOTTLED_GIT_GATE_DATA:?}
export GIT_NO_REPLACE_OBJECTS=1
url=$(git config --get remote.origin.url) || refuse 'no upstream'
GIT_SSH_COMMAND=$(git config --get bottled.ssh) || refuse 'no upstream'
export GIT_SSH_COMMAND

# Positional parameters are the only list that sh has: those of git push.
set --
new_commits=
updates=0
while read -r old new ref; do
  case $ref in
    refs/*) ;;
    *) refuse 'a ref is not below refs/' ;;
  esac
  updates=$((updates + 1))
  case $old in
    *[!0]*) lease=$old ;;
    *) lease= ;;
  esac
  case $new in
    *[!0]*)
      # Only commits are scanned, so nothing else is passed on.
      commit=$(git rev-parse --quiet --verify "$new^{commit}") ||
        refuse "$ref is not a commit"
      new_commits="$new_commits$commit "
      set -- "$@" "--force-with-lease=$ref:$lease" "$new:$ref"
      ;;
    *) set -- "$@" "--force-with-lease=$ref:$lease" ":$ref" ;;
  esac
done
[ "$updates" -gt 0 ] || refuse 'nothing to do'

if [ -n "$new_commits" ]; then
  # shellcheck disable=SC2086
  octopus=$(git rev-list --min-parents=3 $new_commits --not --all) ||
    refuse 'the push is not complete'
  [ -z "$octopus" ] || refuse 'merges of more than two cannot be scanned'
  # Of merges, what they themselves change. gitleaks splits at blanks. It exits
  # with 0 after errors, too: any word of it on stderr is one.
  status=0
  exec 3>&2
  errors=$(PATH=$data/scan:$PATH gitleaks git --no-banner --no-color --redact \
    --exit-code 42 --ignore-gitleaks-allow --gitleaks-ignore-path /dev/null \
    --config "$config/.gitleaks.toml" --log-level error --verbose \
    --log-opts="--remerge-diff $new_commits--not --all" . \
    2>&1 >&3 3>&- </dev/null) || status=$?
  exec 3>&-
  [ "$status" -ne 42 ] || refuse 'gitleaks found a secret: nothing was pushed'
  if [ "$status" -ne 0 ] || [ -n "$errors" ]; then
    printf '%s\n' "$errors" >&2
    refuse "gitleaks failed ($status): nothing was pushed"
  fi
fi

[ "$updates" -eq 1 ] || set -- --atomic "$@"
# By URL: git would update the mirror's refs for a remote, which the quarantine
# forbids. The leases make it exactly the update that was asked for.
git push --quiet --no-verify "$url" "$@" </dev/null >&2 ||
  refuse 'the upstream did not take it: nothing was pushed'
)sh";

constexpr std::string_view kGitGateGitleaks = R"(# gitleaks' own rules.
title = "bottled"

[extend]
useDefault = true
)";

}  // namespace bottled
