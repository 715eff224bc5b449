#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# json - docs/json.md tells every key that is printed, and no other
set -eu

src=$(realpath "$(dirname "$0")/../..")
PATH=$PWD:$PATH
if ! command -v jq >/dev/null; then
	echo "SKIP: there is no jq"
	exit 77
fi
if [ "$(id -u)" != 0 ] || ! unshare -mn true 2>/dev/null; then
	echo "SKIP: no network namespace for this user"
	exit 77
fi
if [ "${1:-}" != inside ]; then
	exec unshare -mn sh "$0" inside
fi

work=$(mktemp -d)
trap 'umount "$work/bpf" 2>/dev/null; rm -rf "$work"' EXIT
mkdir "$work/bpf"
mount -t bpf bpf "$work/bpf"
ip link set lo up

cat >"$work/edge.skl" <<'P'
policy edge
socket web udp
## the web
web: udp port 443 -> web count trace
default -> pass
P
packet='udp 127.0.0.1:50000 -> 127.0.0.1:443'

skpol_() { skpol --bpffs "$work/bpf" "$@"; }

# keys: the paths of all values, elements of an array as one
keys() {
	jq -r '[paths | map(if type == "number" then "[]" else . end) |
		join(".")] | unique[]'
}

# example VERB...: what the page shows for it
example() {
	sed -n "/^\`\`\`json $*\$/,/^\`\`\`\$/p" "$src/docs/json.md" |
		grep -v '^```'
}

bad=0
# check VERB...: of standard input
check() {
	example "$@" | keys >"$work/told"
	keys >"$work/has"
	[ -s "$work/told" ] && [ -s "$work/has" ] &&
		diff -u --label "docs/json.md: $*" --label "skpol $*" \
			"$work/told" "$work/has" || bad=$((bad + 1))
}

printf 'policy edge\ndefault -> pass\n' >"$work/first.skl"
skpol_ apply "$work/first.skl" >/dev/null
skpol_ apply --json --check --diff --keep 'tcp port 22' "$work/edge.skl" \
	2>/dev/null | check apply --check --diff
skpol_ apply --json --confirm 1h "$work/edge.skl" 2>/dev/null |
	check apply --confirm
skpol_ confirm --json | check confirm
skpol_ status --json | check status
skpol_ trace --json --count 1 >"$work/event" &
tracer=$!
n=0
while [ ! -s "$work/event" ] && [ $n -lt 100 ]; do
	# a datagram, by the shell's own means if it has them
	bash -c 'echo x >/dev/udp/127.0.0.1/443' 2>/dev/null || :
	sleep 0.1
	n=$((n + 1))
done
wait "$tracer"
check trace --count 1 <"$work/event"
skpol_ stats --json | check stats
skpol_ stats --profile 2>/dev/null | check stats --profile
skpol_ explain --json "$packet" | check explain
sed s/443/444/ "$work/edge.skl" >"$work/other.skl"
skpol_ apply "$work/other.skl" 2>/dev/null >&2
skpol_ rollback --json | check confirm
[ "$bad" = 0 ]
