#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# embed - what `make install` installs is enough for a program that embeds
# skpol: examples/embed is built with pkg-config against it, and run
set -eu

src=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ "${SKPOL_EMBED:-}" = run ]; then	# in namespaces of its own
	mkdir "$2/bpf"
	mount -t bpf -o mode=0700 bpf "$2/bpf"
	ip link set lo up
	"$2/embed" "$2/bpf"
	rmdir "$2/bpf" 2>/dev/null || [ ! -e "$2/bpf/skpol" ]
	exit
fi

case $(nm -D --undefined-only .libs/libskpol.so) in
*__asan_*) echo "SKIP: a library with sanitizers wants a program with them"
	exit 77 ;;
esac
env MAKEFLAGS='' MAKELEVEL='' make -s install DESTDIR="$work/root" \
	>"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
pc=$(find "$work/root" -name skpolc.pc)
prefix=$(sed -n 's/^prefix=//p' "$pc")
for f in include/skpol.h include/skpolc.h lib/libskpol.so lib/libskpolc.so \
	lib/pkgconfig/skpol.pc bin/skpolc share/man/man3/libskpol.3 \
	share/man/man3/libskpolc.3; do
	case $f in
	bin/*) ;;
	share/man/*) command -v scdoc >/dev/null || continue ;;
	esac
	[ -e "$work/root$prefix/$f" ] || { echo "not installed: $f"; exit 1; }
done
find "$work/root" -name skpol -type f -perm -100 | grep -q . ||
	{ echo "not installed: skpol"; exit 1; }

export PKG_CONFIG_PATH="${pc%/*}"
flags=$(pkg-config --define-variable=prefix="$work/root$prefix" \
	--cflags --libs skpol skpolc)
# shellcheck disable=SC2086 # the flags are words on purpose
${CC:-cc} -Wall -Wextra -Werror -g "$src/examples/embed/embed.c" \
	-o "$work/embed" $flags
# and in C++, for the headers as they were installed
if command -v c++ >/dev/null; then
	# shellcheck disable=SC2086
	printf '#include <skpol.h>\n#include <skpolc.h>\nint main() { return 0; }\n' |
		c++ -x c++ - -o "$work/plus" $flags
fi

export LD_LIBRARY_PATH="$work/root$prefix/lib"
if [ "$(id -u)" != 0 ]; then
	echo "SKIP: built; needs root to be run"
	exit 77
fi
unshare -mn env SKPOL_EMBED=run sh "$0" run "$work" >"$work/out" || {
	cat "$work/out"
	exit 1
}
cat "$work/out"
grep -q '^embed: generation 1, 1 socket registered$' "$work/out"
grep -q '^127.7.7.7:7777 was answered by the socket at 127.0.0.1:' "$work/out"
grep -q '^rule all: 1 packets$' "$work/out"
