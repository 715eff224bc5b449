#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# kernel - policy.o in the hands of bpftool, on a file system that is full
#
# From the build directory, as root. All of it in namespaces of its own, with a
# bpffs and a tmpfs that end with them.
set -eu

skip() {
	echo "SKIP: $1"
	exit 77
}

has() {
	grep -qF -e "$1" "$2" && return
	echo "$2 has no \`$1\`:"
	cat "$2"
	return 1
}

# The program shown is the policy's own text, line by line.
lines() {
	bpftool -n prog dump xlated pinned /sys/fs/bpf/web linum >listing
	has 'http: tcp port 80 -> web count' listing
	has 'udp port 53 -> dns else pass trace' listing
	has 'web.skl' listing
	has 'line_num:4' listing
}

names() {
	bpftool -n prog show pinned /sys/fs/bpf/web >shown
	has 'sk_lookup' shown
	has 'name skpol_dispatch' shown
	has 'btf_id' shown
	has 'policy = "web"' shown
	for id in $(sed -n 's/.*map_ids //p' shown | tr ',' ' '); do
		bpftool -n map show id "$id"
	done >maps
	has 'sockmap  name sockets' maps
	has 'percpu_array  name counters' maps
	has 'ringbuf  name events' maps
	has 'name web.rodata' maps
}

levels() {
	for level in 0 1 2; do
		skpolc table.skl "-O$level" -o table.o
		bpftool -n prog load table.o "/sys/fs/bpf/table$level"
		bpftool -n prog dump xlated pinned \
			"/sys/fs/bpf/table$level" linum >listing
		has 'to odd -> a' listing
	done
}

# A file system without room: a sentence, and what was there stays there.
full() {
	mkdir full
	mount -t tmpfs -o size=16k tmpfs full
	echo old >full/web.o
	head -c 1000000 /dev/zero >full/filler 2>filling || :
	status=0
	skpolc web.skl -o full/web.o 2>said || status=$?
	[ "$status" = 3 ]
	has 'No space left on device' said
	[ "$(cat full/web.o)" = old ]
	[ -z "$(find full -name '.policy*')" ]
	rm full/filler
	skpolc web.skl -o full/web.o
	cmp full/web.o web.o
}

inside() {
	mount -t bpf bpf /sys/fs/bpf
	cp "$src/tests/golden/table.skl" .
	cat >web.skl <<-'EOF'
		policy web
		socket web tcp
		socket dns udp
		http: tcp port 80 -> web count
		udp port 53 -> dns else pass trace
		default -> pass
	EOF
	skpolc web.skl -o web.o
	bpftool -n prog load web.o /sys/fs/bpf/web
	for case in lines names levels full; do
		"$case"
		echo "ok $case"
	done
}

src=$(realpath "$(dirname "$0")/../..")
PATH=${SKPOL_BUILD:-$PWD}:$PATH:/usr/sbin:/sbin
export PATH
if [ "${1:-}" = --inside ]; then
	cd "$2"
	inside
	exit
fi
[ "$(id -u)" = 0 ] || skip 'needs root'
bpftool -n version >/dev/null 2>&1 || skip 'no bpftool'
unshare -m -n mount -t bpf bpf /sys/fs/bpf 2>/dev/null ||
	skip 'no new namespaces, or no bpffs, for this user or in this kernel'
older=$(printf '%s\n' 5.9 "$(uname -r)" | sort -V | head -n 1)
[ "$older" = 5.9 ] || skip 'SK_LOOKUP programs need kernel 5.9'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unshare -m -n sh "$0" --inside "$work"
