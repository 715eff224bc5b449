#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# wrong - a scenario that is wrong fails, and says where: nothing here is
# steered, so each of these expects what does not come
set -eu

build=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ "$(id -u)" != 0 ] || ! unshare -n true 2>/dev/null; then
	echo "SKIP: no network namespace for this user"
	exit 77
fi

# fails STATUS LINE TEXT...: a scenario of these lines, wrong in LINE
fails() {
	expected=$1 line=$2
	shift 2
	printf '%s\n' "$@" >"$work/s.live"
	status=0
	unshare -n sh -c 'ip link set lo up && exec "$@"' - \
		"$build/tests/live/wire" "$work/s.live" >"$work/out" 2>&1 ||
		status=$?
	if [ "$status" != "$expected" ] ||
		! grep -q "^$work/s.live:$line: " "$work/out"; then
		echo "FAIL: status $status, not $expected in line $line:"
		cat "$work/s.live" "$work/out"
		exit 1
	fi
}

fails 1 2 'tcp 127.0.0.1:50000 -> 127.0.0.1:80 => pass' \
	'tcp 127.0.0.1:50000 -> 127.0.0.1:80 => drop'
fails 1 2 'listen web udp [::1]:53' 'udp [::1]:50000 -> [::1]:53 => drop'
fails 1 3 'listen web udp 127.0.0.1:53' 'connect web' \
	'udp 127.0.0.1:50000 -> 127.0.0.1:53 => web'
fails 1 4 'listen a tcp 127.0.0.1:80 reuseport' \
	'listen b tcp 127.0.0.1:80 reuseport' 'group a pick 1' \
	'tcp 127.0.0.1:50000 -> 127.0.0.1:80 => a'
fails 2 1 'listen web tcp nowhere'
fails 2 1 'tcp 127.0.0.1:50000 -> nowhere => pass'
fails 2 1 'run false'
fails 2 1 'register web'
