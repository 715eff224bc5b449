#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# demo - README shows what the demo prints, to the letter but for ages; and it
# is not little
set -eu

src=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

status=0
WIRE_TABLE=1 sh "$src/tests/live/run" "$src/tests/live/demo.live" \
	>"$work/printed" 2>&1 || status=$?
if [ "$status" != 0 ]; then
	cat "$work/printed"
	exit "$status"
fi
awk '/^```console/ { show = 1; next } /^```/ { show = 0 } show' \
	"$src/README.md" >"$work/shown"
# How long ago a rule was hit depends on how busy this machine is.
sed -E -i 's/ +(now|[0-9]+s)  / AGE  /' "$work/printed" "$work/shown"
grep -q ' AGE  ' "$work/shown"
diff "$work/shown" "$work/printed"
for kind in 'tcp [0-9]' 'udp [0-9]' 'tcp \[' 'udp \['; do
	grep -q "^$kind" "$work/printed"
done
