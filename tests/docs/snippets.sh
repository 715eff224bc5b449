#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# snippets - every policy shown in README, the manual and the man pages compiles
#
# A block is marked behind its fence in Markdown (```skl KIND), and by a comment
# line before it in a man page (; skl KIND). KIND:
#	nothing		a whole policy
#	fragment	items of one: `policy`, `default` and the sockets http
#			https quic web dns are added where it does not have them
#	fails NAME	a whole policy, refused with the diagnostic NAME
set -eu

src=$(realpath "$(dirname "$0")/../..")
PATH=$PWD:$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# blocks FILE: writes $work/N-LINE.skl, its first line the kind as a comment
blocks() {
	awk -v out="$work/$1" '
	/^; skl/ { mark = substr($0, 7); marked = 1; next }
	/^```/ && open { close(file); open = 0; marked = 0; next }
	/^```/ {
		open = 1
		file = "/dev/null"
		if (sub(/^```skl/, "")) { mark = $0; marked = 1 }
		if (marked) {
			sub(/^ /, "", mark)
			file = out "-" FNR ".skl"
			print "# " mark >file
		}
		next
	}
	open { print >file }' "$2"
}

# whole FILE: what a fragment lacks is put behind it, so that lines keep
whole() {
	grep -q '^policy ' "$1" || echo 'policy snippet'
	grep -q '^default ' "$1" || echo 'default -> pass'
	for name in http https quic web dns; do
		grep -Eq "^socket $name( |\$)" "$1" || echo "socket $name"
	done
}

# verdict FILE: what its kind promises, held against what skpolc says
verdict() {
	kind=$(sed -n '1s/^# //p' "$1")
	status=0
	if [ "$kind" = fragment ]; then
		whole "$1" >"$1.rest"
		cat "$1.rest" >>"$1"
	fi
	skpolc check "$1" >"$1.out" 2>&1 || status=$?
	case $kind in
	'' | fragment) [ "$status" = 0 ] ;;
	fails*) [ "$status" = 1 ] &&
		grep -q "error\[${kind#fails }\]" "$1.out" ;;
	*) echo "unknown kind \`$kind\`" && false ;;
	esac
}

n=0
for doc in README.md docs/manual.md docs/man/skl.5.scd docs/man/skpolc.1.scd \
	docs/man/skpol.8.scd; do
	blocks "$(basename "$doc")" "$src/$doc"
done
bad=0
for f in "$work"/*.skl; do
	n=$((n + 1))
	verdict "$f" && continue
	bad=$((bad + 1))
	echo "FAIL: ${f##*/} (file and line of the fence)"
	cat "$f.out"
done
echo "$n snippets, $bad bad"
[ "$n" -ge 20 ] && [ "$bad" = 0 ]
