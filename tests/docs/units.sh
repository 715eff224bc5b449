#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# units - the systemd units in examples/ are what systemd takes, and exposed
# less than 4.0 of 10 by its own measure
set -eu

src=$(realpath "$(dirname "$0")/../..")
if ! command -v systemd-analyze >/dev/null; then
	echo "SKIP: there is no systemd-analyze"
	exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# An instance of each, with a command that is there: this build's.
for unit in "$src"/examples/systemd/*.service \
	"$src"/examples/systemd/*.socket "$src"/examples/systemd/*.timer
do
	name=$(basename "$unit" | sed 's/@\./@edge./')
	sed "s|^\(Exec[A-Za-z]*\)=skpol |\1=$PWD/skpol |" "$unit" \
		>"$work/$name"
done

bad=0
for unit in "$work"/*; do
	said=$(SYSTEMD_UNIT_PATH="$work:" systemd-analyze verify --man=no \
		"$unit" 2>&1) || bad=$((bad + 1))
	case $said in
	*"$work"*)
		echo "FAIL: $said"
		bad=$((bad + 1))
		;;
	esac
done
for unit in "$work"/*.service; do
	systemd-analyze security --offline=yes --threshold=40 "$unit" \
		>"$work/log" 2>&1 || {
		echo "FAIL: $(basename "$unit")"
		tail -n 1 "$work/log"
		bad=$((bad + 1))
	}
done
[ "$bad" = 0 ]
