#!/usr/bin/env bash
# Prints a folder that holds `kube-apiserver` and `etcd`.
#
# As the field does it: KUBEBUILDER_ASSETS if it names such a folder, else our cache, else build it once from
# Debian's own source package (4-9 minutes) into the cache. Everything but the last line goes to stderr.
set -euo pipefail

has() { [ -x "$1/kube-apiserver" ] && [ -x "$1/etcd" ]; }

if [ -n "${KUBEBUILDER_ASSETS:-}" ] && has "$KUBEBUILDER_ASSETS"; then
  echo "$KUBEBUILDER_ASSETS"
  exit 0
fi

cache="${DR_BUDDY_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dr-buddy-tests}/kubernetes-1.20"
if has "$cache"; then
  echo "$cache"
  exit 0
fi

{
  echo "building kube-apiserver once into $cache (4-9 minutes)"
  packages=(golang-go rsync dpkg-dev jq etcd-server)
  dpkg -s "${packages[@]}" >/dev/null 2>&1 || {
    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q "${packages[@]}"
  }
  work="$cache.build"
  rm -rf "$work"
  mkdir -p "$work/parts" "$work/lists/partial" "$work/cache/archives/partial"
  sed 's/^Types: deb$/Types: deb-src/' /etc/apt/sources.list.d/debian.sources >"$work/parts/debian.sources"
  options=(-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/parts"
    -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root)
  cd "$work"
  apt-get -q "${options[@]}" update
  apt-get -q "${options[@]}" source --download-only kubernetes
  dpkg-source -x kubernetes_*.dsc k120
  cd k120
  mkdir -p .go/src/k8s.io
  ln -sfn ../../.. .go/src/k8s.io/kubernetes
  GOPATH="$PWD/.go" GOCACHE="$work/gocache" CGO_ENABLED=0 GOPROXY=off make WHAT="cmd/kube-apiserver"
  mkdir -p "$cache"
  cp _output/bin/kube-apiserver "$cache/kube-apiserver.new"
  mv "$cache/kube-apiserver.new" "$cache/kube-apiserver"
  ln -sfn "$(command -v etcd)" "$cache/etcd"
  cd / && chmod -R u+w "$work" && rm -rf "$work"
} >&2
has "$cache" || { echo "kube-apiserver was not built" >&2; exit 1; }
echo "$cache"
