#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# image.sh VERSION FILE [MODULES] - what a kernel of that version boots, as FILE
#
# From the build directory. An initramfs: busybox, skpol, skpolc, wire with
# their libraries, the modules of a folder, the scenarios of tests/live (those
# named in SKPOL_VM_LIVE; all), and under /suite each policy
# that the version can run, at every -O, with packets and the verdicts that the
# rules as written give them. Objects are made for the version and, as `any`
# where that makes a difference, for the oldest kernel that can.
set -eu

src=$(realpath "$(dirname "$0")/../..")
build=$PWD
version=$1
file=$(realpath -m "$2")
policies=${SKPOL_VM_POLICIES:-24}

# program FILE...: into /usr/bin, with the libraries it loads
program() {
	for p in "$@"; do
		cp -L "$p" "$root/usr/bin/"
		ldd "$p" | grep -o '/[^ ]*' | while read -r lib; do
			mkdir -p "$root${lib%/*}"
			cp -L "$lib" "$root$lib"
		done
	done
}

# objects FOLDER POLICY PACKETS: nothing, if the version cannot run the policy
objects() {
	base=$(basename "$2" .skl)
	skpolc "$2" --target-kernel "$version" -o "$root/try.o" \
		2>"$work/said" || {
		grep -q 'kernel' "$work/said" && return
		cat "$work/said" >&2
		return 1
	}
	rm "$root/try.o"
	mkdir -p "$1"
	grep -v ' on ' "$3" | sed 's/ *=>.*//' >"$work/pkt"
	skpolc verdicts --engine rules "$2" "$work/pkt" >"$1/$base.pkt" \
		2>"$work/said"
	for level in 0 1 2; do
		skpolc "$2" "-O$level" -o "$1/$base.any.O$level.o"
		skpolc "$2" "-O$level" --target-kernel "$version" \
			-o "$1/$base.O$level.o"
		! cmp -s "$1/$base.any.O$level.o" "$1/$base.O$level.o" ||
			rm "$1/$base.any.O$level.o"
	done 2>/dev/null
}

# generated NAME RULES SUITE: what tests/vm/NAME.awk says
generated() {
	said=$src/tests/vm
	awk -v name="$1" -v n="$2" -f "$said/policy.awk" -f "$said/$1.awk" \
		>"$work/$1.skl"
	awk -v n="$2" -v packets=1 -f "$said/policy.awk" -f "$said/$1.awk" \
		>"$work/packets"
	objects "$root/suite/$3" "$work/$1.skl" "$work/packets"
}

randoms() {
	SKPOL_RANDOM_SHOW=text SKPOL_RANDOM_POLICIES=$((policies * 6)) \
		SKPOL_RANDOM_PACKETS=1 tests/random/random 2>"$work/all" \
		>/dev/null
	awk -v d="$work" '/^--- seed/ { f = d "/r" $3 ".skl"; next }
		{ print >f }' "$work/all"
	for p in "$work"/r*.skl; do
		made=$(find "$root/suite/random" -name '*.pkt' | wc -l)
		[ "$made" -lt "$policies" ] || break
		seed=${p##*/r}
		awk -v seed="${seed%.skl}" -f "$src/tests/vm/packets.awk" \
			"$p" >"$work/packets"
		objects "$root/suite/random" "$p" "$work/packets"
	done
}

# Those whose policy the version can run.
scenarios() {
	for f in "$src"/tests/live/*.live; do
		name=$(basename "$f" .live)
		case " ${SKPOL_VM_LIVE:-$name} " in
		*" $name "*) ;;
		*) continue ;;
		esac
		p=$(sed -n 's/^# policy: //p' "$f")
		p=${p:+$src/$p}
		skpolc "${p:-${f%.live}.skl}" --target-kernel "$version" \
			-o "$work/try.o" 2>"$work/said" ||
			! grep -q kernel "$work/said" || continue
		: >"$root/suite/live/${f##*/}"
	done
}

PATH=$build:$PATH:/usr/sbin:/sbin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root/bin" "$root/usr/bin" "$root/proc" "$root/sys" "$root/dev" \
	"$root/tmp" "$root/run" "$root/src/tests" "$root/suite/random" \
	"$root/suite/live"
cp /bin/busybox "$root/bin/"
program skpol skpolc tests/live/wire "$(command -v ip)" /bin/sh \
	/usr/bin/unshare
cp "$src/tests/vm/init" "$src/tests/vm/suites" "$root/"
[ -z "${3:-}" ] || cp -r "$3" "$root/modules"
cp -r "$src/tests/live" "$src/tests/golden" "$root/src/tests/"
cp -r "$src/examples" "$root/src/"
for p in "$src"/examples/*.skl; do
	objects "$root/suite/examples" "$p" "${p%.skl}.pkt"
done
# At -O2 it is several trees, most of them rows of tables.
generated firewall 1500 firewall
# Its code is mostly constants, of which a hardened kernel makes several
# instructions each: 44 of each IPv6 pair, so jumps over more than 700 need relays;
# and 250 of the pairs are of IPv4, which is enough for a table.
generated hosts 1001 hardened
randoms
scenarios
(cd "$root" && find . | sort | cpio -o -H newc -R 0:0 2>/dev/null) |
	gzip -1 >"$file"
