#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# skpolc - the command as its users run it: outputs, exit statuses, engines
#
# From the build directory; needs no privilege. Each case is a function of its
# name, run in a folder of its own that holds web.skl, web.pkt and bad.skl.
# shellcheck disable=SC2016 # messages have backquotes
set -eu

build=${SKPOL_BUILD:-$PWD}
src=$(realpath "$(dirname "$0")/../..")
PATH=$build:$PATH
work=$(mktemp -d)
chmod 711 "$work"
trap 'rm -rf "$work"' EXIT

# gives STATUS COMMAND...: it ends with that exit status; its output is kept
gives() {
	wanted=$1
	shift
	status=0
	"$@" >stdout 2>stderr || status=$?
	[ "$status" = "$wanted" ] && return
	echo "$*: status $status, not $wanted"
	cat stderr
	return 1
}

# says TEXT: stderr of the last command has it
says() {
	grep -qF -e "$1" stderr && return
	echo "nothing says \`$1\`:"
	cat stderr
	return 1
}

# lacks PATTERN FILE
lacks() {
	if grep -e "$1" "$2"; then
		return 1
	fi
}

silent() {
	[ ! -s stderr ] && return
	cat stderr
	return 1
}

skip() {
	echo "SKIP: $1"
	exit 77
}

no_leftovers() {
	[ -z "$(find . -name '.policy-*')" ]
}

a_profile() {
	hits='[{"name":"http","hits":"12345678901234567890"}]'
	printf '{"version":1,"policy":"web","rules":%s}' "$hits" >hits.json
	gives 0 skpolc web.skl -o web.o --profile hits.json --report
	says 'profile '
	says 'expected '
	gives 0 skpolc web.skl -o web.o -O0 --profile hits.json --report
	says 'not used at -O0'
	lacks '^expected' stderr
	gives 0 skpolc web.skl -o web.o --profile hits.json --report --json
	says '"hits": "12345678901234567890"'
	says '"diagrams": [{"nodes": '
	for how in --emit=asm check; do
		gives 0 skpolc $how web.skl --profile hits.json --report
		says 'profile '
		lacks '^object' stderr
	done
	gives 0 skpolc json web.skl --profile hits.json
	grep -q "\"profile\": \"$(sha256sum hits.json | cut -c 1-64)\"" stdout
	cp web.o first.o
	gives 0 skpolc web.skl -o web.o --profile=hits.json
	cmp first.o web.o
	gives 1 skpolc web.skl -o not.o --profile nowhere
	says 'cannot read nowhere: No such file'
	echo '{"version":2,"rules":[]}' >newer.json
	gives 1 skpolc web.skl -o not.o --profile newer.json
	says 'newer.json: its version is 2, this skpolc knows 1'
	gives 1 skpolc web.skl -o not.o --profile web.skl
	says 'web.skl: line 1'
	printf '{"version":1,"policy":"other","rules":%s}' "$hits" >other.json
	gives 0 skpolc web.skl -o web.o --profile other.json
	says 'warning[stale-profile]: the profile is of policy '
	gives 1 skpolc web.skl -o not.o --profile other.json \
		--deny stale-profile
	[ ! -e not.o ]
}

same_bytes_anywhere() {
	cp -r "$src/tests/golden" a
	mkdir -p deep/er
	cp -r a deep/er/b
	for f in table include split whole; do
		(cd a && TZ=UTC LC_ALL=C skpolc "$f.skl" -o "$f.o")
		(cd deep/er/b && TZ=Asia/Tokyo LC_ALL=C.UTF-8 HOME=/ USER=x \
			SOURCE_DATE_EPOCH=1 skpolc "$f.skl" -o "$f.o")
		cmp "a/$f.o" "deep/er/b/$f.o"
		skpolc "$PWD/a/$f.skl" -o other.o
		cmp "a/$f.o" other.o
	done
	if grep -qF "$PWD" other.o; then
		echo 'a path is in the object'
		return 1
	fi
}

same_bytes_for_the_same_text() {
	for level in 0 1 2; do
		skpolc web.skl -o one.o "-O$level"
		skpolc web.skl -o two.o "-O$level"
		cmp one.o two.o
	done
}

standard_output() {
	gives 0 skpolc web.skl -o web.o
	silent
	gives 0 skpolc web.skl -o -
	silent
	cmp stdout web.o
	[ ! -e ./- ]
	skpolc web.skl -o - | cmp - web.o
	skpolc web.skl -o /dev/stdout | cmp - web.o
	gives 0 skpolc web.skl --emit=asm -o web.s
	skpolc web.skl --emit=asm | cmp - web.s
}

pipe_nobody_reads() {
	{ skpolc "$src/examples/droplist.skl" -o - 2>stderr ||
		echo $? >status; } | true
	[ ! -e status ] || [ "$(cat status)" = 3 ]
}

full_target() {
	[ -w /dev/full ] || skip 'there is no /dev/full'
	gives 3 skpolc web.skl -o /dev/full
	says 'No space left on device'
	[ -c /dev/full ]
	for form in asm rules json dot; do
		gives 3 skpolc web.skl --emit=$form -o /dev/full
	done
	status=0
	skpolc verdicts web.skl web.pkt >/dev/full 2>stderr || status=$?
	[ "$status" = 3 ]
}

unwritable_target() {
	gives 3 skpolc web.skl -o none/web.o
	says 'none/web.o'
	says 'No such file or directory'
	mkdir folder
	gives 3 skpolc web.skl -o folder
	says 'Is a directory'
	echo text >file
	gives 3 skpolc web.skl -o file/web.o
	no_leftovers
}

read_only_target() {
	as=
	if [ "$(id -u)" = 0 ]; then	# root writes everywhere
		as='setpriv --reuid=65534 --regid=65534 --clear-groups'
		chown 65534 .
	fi
	cp "$(command -v skpolc)" own
	echo old >kept.o
	chmod 444 kept.o
	mkdir closed
	chmod 555 closed
	# shellcheck disable=SC2086 # words on purpose
	gives 3 $as ./own web.skl -o kept.o
	says 'Permission denied'
	[ "$(cat kept.o)" = old ]
	# shellcheck disable=SC2086 # as above
	gives 3 $as ./own web.skl -o closed/web.o
	says 'Permission denied'
	[ ! -e closed/web.o ]
	# shellcheck disable=SC2086 # as above
	gives 0 $as ./own web.skl -o open.o
}

existing_target() {
	echo old >web.o
	gives 1 skpolc bad.skl -o web.o
	[ "$(cat web.o)" = old ]
	gives 3 skpolc web.skl -o none/web.o
	gives 2 skpolc web.skl -o web.o --no-such-option
	[ "$(cat web.o)" = old ]
	ln -s web.o link.o
	gives 0 skpolc web.skl -o link.o
	[ -L link.o ]
	[ "$(head -c 4 web.o | tr -d '\177')" = ELF ]
	no_leftovers
}

# keeps FILE COMMAND...: it is refused, as FILE was read, and nothing is written
keeps() {
	kept=$1
	shift
	cp "$kept" before
	gives 2 "$@"
	says "would overwrite "
	says "$kept: nothing is written"
	cmp "$kept" before
	no_leftovers
}

what_was_read_is_kept() {
	printf '192.0.2.0/24\n' >list.txt
	printf '192.0.2.7 -> a\n' >map.txt
	printf 'set s = file "list.txt"\n' >part.skl
	cat >whole.skl <<-'EOF'
		policy p
		socket a
		include "part.skl"
		map m by to = file "map.txt"
		tcp to s -> a
		udp -> map m
		default -> pass
	EOF
	echo '{"version":1,"policy":"p","rules":[]}' >hits.json
	gives 0 skpolc whole.skl --profile hits.json -o x.o
	silent
	for file in whole.skl part.skl list.txt map.txt hits.json; do
		keeps $file skpolc whole.skl --profile hits.json -o $file
		keeps $file skpolc json whole.skl --profile hits.json -o ./$file
		ln -s $file link
		keeps $file skpolc whole.skl --profile hits.json -o link
		rm link
	done
	for form in asm dot json rules; do
		keeps list.txt skpolc whole.skl --emit=$form -o list.txt
	done
	keeps part.skl skpolc fmt whole.skl -o part.skl
	# shellcheck disable=SC2094 # on purpose
	gives 2 skpolc - -o whole.skl <whole.skl
	gives 0 skpolc fmt whole.skl -o whole.skl
	gives 0 skpolc fmt -w whole.skl
	gives 0 skpolc whole.skl -o /dev/null
	gives 0 skpolc whole.skl --profile hits.json -o x.o
}

# A private policy stays private, and what all may read is read by all.
mode_is_kept() {
	cp web.skl kept.skl
	chmod 600 kept.skl
	echo old >web.o
	chmod 664 web.o
	(
		umask 022
		skpolc fmt -w kept.skl
		skpolc web.skl -o web.o
		skpolc web.skl -o new.o
	)
	[ "$(stat -c %a kept.skl web.o new.o | tr '\n' ' ')" = '600 664 644 ' ]
	[ "$(id -u)" = 0 ] || return 0
	chown 65534:65534 web.o
	skpolc web.skl -o web.o
	[ "$(stat -c %u:%g web.o)" = 65534:65534 ]
}

mistakes() {
	gives 1 skpolc bad.skl -o bad.o
	says 'error[undefined-name]'
	[ ! -e bad.o ]
	[ ! -s stdout ]
	no_leftovers
	gives 1 skpolc bad.skl -o -
	[ ! -s stdout ]
	gives 1 skpolc check bad.skl
	gives 1 skpolc missing.skl -o x.o
	says 'missing.skl'
	says 'No such file or directory'
	gives 1 skpolc . -o x.o
	: >empty.skl
	gives 1 skpolc empty.skl -o x.o
	says 'missing-policy'
	[ ! -e x.o ]
}

too_large() {
	gives 1 skpolc web.skl -o x.o --max-instructions 5
	says 'error[too-large]: the policy does not fit into a BPF program'
	says 'it takes more than 5 instructions'
	grep -q 'the costliest rules: .*(web.skl:[0-9]*, [0-9]* %)' stderr
	[ ! -e x.o ]
	gives 1 skpolc web.skl -o x.o --max-tables 8
	says 'its tables take more than 8 bytes'
	gives 0 skpolc web.skl -o x.o --max-tables 4K
	gives 0 skpolc json web.skl --max-tables 4K --max-instructions 1000
	grep -q '"max_instructions": 1000,' stdout
	grep -q '"max_tables": 4096,' stdout
	gives 0 skpolc json web.skl --max-tables 512M
	lacks '"max_' stdout
	rm x.o
}

compares_where_tables_are_too_large() {
	command -v jq >/dev/null || skip 'no jq to read JSON with'
	awk 'BEGIN { print "policy p\nsocket a tcp\nset s = {"
		for (i = 0; i < 256; i++)
			print "10." i ".7." i * 37 % 256
		print "}\nx: tcp to s -> a\ndefault -> pass" }' >many.skl
	gives 0 skpolc many.skl -o x.o --report --json
	[ "$(jq .table_bytes stderr)" -gt 1000 ]
	gives 0 skpolc many.skl -o x.o --report --json --max-tables 1000
	[ "$(jq .table_bytes stderr)" -le 1000 ]
	[ "$(jq .proved stderr)" = true ]
	gives 1 skpolc many.skl -o x.o --max-tables 100
	says 'its tables take more than 100 bytes'
}

object_for_text() {
	skpolc web.skl -o web.o
	skpolc web.skl -o other.o
	packet='tcp 192.0.2.1:5 -> 192.0.2.1:80'
	for verb in 'compile -o x.o' check fmt json "explain"; do
		[ "$verb" != explain ] || set -- "$packet"
		# shellcheck disable=SC2086 # words on purpose
		gives 1 skpolc $verb web.o "$@"
		says 'error[file]: `web.o` is an object (ELF)'
		says '`diff` and `verdicts` take an object'
		[ "$(grep -c '^error' stderr)" = 1 ]
		[ "$(wc -l <stderr)" -lt 5 ]
	done
	gives 1 skpolc fmt -w web.o
	cmp web.o other.o
	gives 1 skpolc check - <web.o
	says '`<stdin>` is an object (ELF)'
	gives 1 skpolc check "$(command -v skpolc)"
	[ "$(grep -c '^error' stderr)" = 1 ]
	[ ! -e x.o ]
}

usage() {
	for args in --no-such-option '-O3' '-O 2x' '--emit=tree' \
		'--target-kernel=4.19' '--max-instructions=0' \
		'--max-instructions=1000001' '--max-tables=1X' \
		'--max-tables=1G' '--deny=nothing' '-Wno-nothing' \
		'-Weverything' '--diagnostics=xml' '--engine=magic' \
		'web.skl extra'; do
		# shellcheck disable=SC2086 # words on purpose
		gives 2 skpolc web.skl -o x.o $args
		[ -s stderr ]
		[ ! -s stdout ]
	done
	gives 2 skpolc web.skl -o x.o --max-tables 5X
	says 'it may end in K, M or G'
	gives 2 skpolc
	gives 2 skpolc bogus web.skl
	says 'there is no verb'
	gives 2 skpolc web.skl --emit 'obj asm' -o x.o
	gives 2 skpolc web.skl
	says '-o'
	gives 2 skpolc verdicts web.skl
	[ ! -e x.o ]
	gives 0 skpolc --help
	silent
	gives 0 skpolc --version
	silent
}

# refuses VERBS OPTION ARGUMENT...: only these verbs take it
refuses() {
	verbs=$1
	option=$2
	shift 2
	# shellcheck disable=SC2086 # an option may have a value
	gives 2 skpolc $option "$@"
	says "takes no ${option%% *}: it is for $verbs"
	[ ! -s stdout ]
	# shellcheck disable=SC2086 # as above
	gives 2 skpolc "$@" $option
}

options_of_other_verbs() {
	packet='tcp 192.0.2.1:5 -> 192.0.2.1:80'
	writes='compile, fmt, json'
	reports='compile, check, json'
	refuses "$writes" '-o x.o' check web.skl
	refuses "$writes" '-o x.o' explain web.skl "$packet"
	refuses "$writes" '-o x.o' diff web.skl web.skl
	refuses "$writes" '-o x.o' verdicts web.skl web.pkt
	refuses fmt -w check web.skl
	refuses fmt -w web.skl
	refuses compile '--emit asm' json web.skl
	refuses compile '--emit asm' check web.skl
	refuses "$reports" --report fmt web.skl
	refuses "$reports" --report explain web.skl "$packet"
	refuses "$reports" --report diff web.skl web.skl
	refuses "$reports" --report verdicts web.skl web.pkt
	refuses verdicts '--engine rules' check web.skl
	refuses verdicts '--engine rules' explain web.skl "$packet"
	refuses 'explain, diff, and for --report' --json check web.skl
	refuses 'explain, diff, and for --report' --json verdicts web.skl \
		web.pkt
	cp web.skl kept.skl
	gives 2 skpolc fmt -w kept.skl -o x.skl
	says 'take one of them'
	gives 2 skpolc check web.skl -o x.o -O0 --deny all
	[ ! -e x.o ]
	[ ! -e x.skl ]
	cmp web.skl kept.skl
	gives 0 skpolc --report --json check web.skl
	gives 0 skpolc json web.skl --report -o web.json
	gives 0 skpolc fmt web.skl -O0 --target-kernel 6.1 --deny all
}

warnings() {
	gives 0 skpolc warn.skl -o x.o
	says 'warning[unused-name]'
	rm x.o
	gives 1 skpolc warn.skl -o x.o --deny=unused-name
	says 'error[unused-name]'
	[ ! -e x.o ]
	gives 1 skpolc check warn.skl --deny all
	gives 0 skpolc warn.skl -o x.o --deny=unreachable-rule
	gives 0 skpolc warn.skl -o x.o -Wno-unused-name
	silent
	gives 0 skpolc web.skl -o x.o --deny=all
	silent
	sed 's/port 80/& to ::ffff:192.0.2.0\/120/' web.skl >mapped.skl
	gives 1 skpolc check mapped.skl --deny mapped-address
	says 'error[mapped-address]: `::ffff:192.0.2.0/120` matches no packet'
	says 'write `192.0.2.0/24`'
	gives 0 skpolc check mapped.skl -Wno-mapped-address
	silent
}

emptied_files() {
	cat >list.skl <<-'EOF'
		policy p
		set trusted = file "list.txt"
		map m by to = file "map.txt"
		a: tcp port 22 from not trusted -> drop
		b: tcp -> map m
		default -> pass
	EOF
	echo 192.0.2.0/24 >list.txt
	echo '192.0.2.1 -> drop' >map.txt
	gives 0 skpolc check list.skl --deny all
	silent
	echo '# none today' >list.txt
	: >map.txt
	gives 0 skpolc list.skl -o x.o
	says 'warning[empty-set]: the set `trusted` is empty'
	says 'list.skl:2:5'
	says 'warning[empty-set]: the map `m` is empty'
	gives 1 skpolc check list.skl --deny empty-set
	says 'error[empty-set]'
	gives 0 skpolc check list.skl -Wno-empty-set
	silent
	gives 0 skpolc explain list.skl 'tcp 192.0.2.1:5 -> 192.0.2.1:80'
	silent
}

json_diagnostics() {
	command -v jq >/dev/null || skip 'no jq to read JSON with'
	gives 1 skpolc check bad.skl --diagnostics=json
	jq -e . stderr >/dev/null
	jq -s . stderr | grep -q '"undefined-name"'
	gives 0 skpolc check warn.skl --diagnostics=json
	jq -s . stderr | grep -q '"unused-name"'
	printf 'policy x\nto "\002\\q\n' >odd.skl
	gives 1 skpolc check odd.skl --diagnostics=json
	jq -e . stderr >/dev/null
	gives 0 skpolc json web.skl
	[ "$(jq -r .policy stdout)" = web ]
}

# a name of which some bytes are no UTF-8, and one would steer a terminal
odd_names() {
	name=$(printf 'caf\351\033.skl')
	shown='caf\xe9\x1b.skl'
	cp web.skl "$name"
	sed 's/80/81/' web.skl >other.skl
	gives 0 skpolc explain "$name" 'tcp 192.0.2.1:5 -> 192.0.2.1:80'
	grep -qF "$shown:" stdout
	gives 0 skpolc explain --json "$name" 'tcp 192.0.2.1:5 -> 192.0.2.1:80'
	grep -qF "\"file\": \"$(echo "$shown" | sed 's/\\/&&/g')\"" stdout
	gives 1 skpolc diff "$name" other.skl
	grep -qF "$shown:" stdout
	gives 0 skpolc "$name" -o x.o --report
	lacks "$(printf '\033')" stderr
	rm x.o
}

formatter() {
	printf 'policy  p\ninclude "part.skl"\ndefault->pass' >whole.skl
	printf '\357\273\277# part\r\nwhen tcp{\r\nport 1->drop}' >part.skl
	gives 0 skpolc fmt whole.skl
	silent
	[ "$(cat stdout)" = 'policy p
include "part.skl"
default -> pass' ]
	gives 0 skpolc fmt -w whole.skl
	cmp stdout /dev/null
	gives 0 skpolc fmt whole.skl
	cmp stdout whole.skl
	gives 0 skpolc fmt part.skl	# no policy of its own
	silent
	[ "$(cat stdout)" = '# part
when tcp {
    port 1 -> drop }' ]
	gives 0 skpolc fmt - <whole.skl
	cmp stdout whole.skl
	cp bad.skl same.skl
	printf 'tcp ->' >>same.skl
	cp same.skl before.skl
	gives 1 skpolc fmt -w same.skl
	cmp same.skl before.skl
	gives 1 skpolc fmt none.skl
}

verdicts_of_all_engines() {
	skpolc web.skl -o web.o
	for policy in web.skl web.o; do
		for engine in rules diagram bytes; do
			gives 0 skpolc verdicts "$policy" web.pkt \
				--engine=$engine
			silent
			diff stdout web.want
		done
	done
	skpolc web.skl -O0 -o web.o
	gives 0 skpolc verdicts web.o web.pkt
	diff stdout web.want
}

verdicts_that_differ() {
	sed 's/^tcp 203.0.113.9:1 .*=> .*/tcp 203.0.113.9:1 -> 192.0.2.1:80 => drop/' \
		web.pkt >wrong.pkt
	echo 'udp nonsense' >>wrong.pkt
	skpolc web.skl -o web.o
	for policy in web.skl web.o; do
		for engine in rules diagram bytes; do
			gives 1 skpolc verdicts "$policy" wrong.pkt \
				--engine=$engine
			says 'wrong.pkt:2: expected drop, the policy says web'
			says 'wrong.pkt:6: '
			[ "$(wc -l <stdout)" = 3 ]
		done
	done
	gives 1 skpolc verdicts web.skl none.pkt
	says 'none.pkt'
	head -c 100 web.o >cut.o
	gives 1 skpolc verdicts cut.o web.pkt
}

sockets_that_are_none() {
	echo 'tcp 203.0.113.9:1 -> 192.0.2.1:80 => wep' >wrong.pkt
	echo 'tcp 203.0.113.9:1 -> 192.0.2.1:80 => dns' >>wrong.pkt
	echo 'tcp 203.0.113.9:1 -> 192.0.2.1:80 => drop' >>wrong.pkt
	skpolc web.skl -o web.o
	for policy in web.skl web.o; do
		gives 1 skpolc verdicts "$policy" wrong.pkt
		says 'wrong.pkt:1: there is no socket `wep`; the policy says web'
		says 'wrong.pkt:2: expected dns, the policy says web'
		says 'wrong.pkt:3: expected drop, the policy says web'
	done
	: >none.pkt
	gives 1 skpolc verdicts web.skl none.pkt
	says 'none.pkt: there is no packet in it'
	echo '# later' >none.pkt
	gives 1 skpolc verdicts web.o none.pkt
	says 'none.pkt: there is no packet in it'
}

# Policies and objects, in both places; warnings are for those who compile.
differences() {
	sed 's/port 80 -> web/port 81 -> web/; 1i # moved' warn.skl >other.skl
	skpolc warn.skl -o warn.o 2>/dev/null
	skpolc other.skl -o other.o 2>/dev/null
	for old in warn.skl warn.o; do
		gives 0 skpolc diff "$old" warn.skl
		silent
		[ "$(cat stdout)" = 'no packet is treated differently' ]
		for new in other.skl other.o; do
			gives 1 skpolc diff "$old" "$new"
			silent
			grep -c -- '->.*:80$' stdout
			grep '^  old: .*, warn.skl:[0-9]*:1$' stdout
			grep '^  new: .*, other.skl:[0-9]*:1$' stdout
			cp stdout "places-$old-$new"
			gives 1 skpolc diff "$old" "$new" --json
			[ "$(jq -r '.changes[].new.verdict' stdout)" = 'pass
web' ]
		done
	done
	for new in warn.skl-other.o warn.o-other.skl warn.o-other.o; do
		diff places-warn.skl-other.skl "places-$new"
	done
	gives 1 skpolc diff warn.skl warn.skl --deny unused-name
	says 'spare'
	gives 1 skpolc diff warn.skl none.o
	awk 'BEGIN { print "policy p\nsocket web"
		for (i = 1; i <= 30; i++)
			print "r" i ": tcp port " i " -> web"
		print "default -> pass" }' >thirty.skl
	sed 's/-> web/-> drop/' thirty.skl >none.skl
	gives 1 skpolc diff thirty.skl none.skl
	[ "$(grep -c '^web -> drop$' stdout)" = 20 ]
	grep -q '^10 more pairs' stdout
	gives 1 skpolc diff thirty.skl none.skl --json
	[ "$(jq '.changes | length' stdout)" = 30 ]
}

a_hundred_thousand_packets() {
	awk 'BEGIN { for (i = 0; i < 100000; i++) {
		port = i % 65536
		printf "tcp 203.0.113.%d:%d -> 192.0.2.1:%d => %s\n",
			i % 256, i % 65536, port, port == 80 ? "web" : "pass"
	} }' >many.pkt
	for engine in rules diagram bytes; do
		gives 0 skpolc verdicts web.skl many.pkt --engine=$engine
		[ "$(wc -l <stdout)" = 100000 ]
	done
	sed '99999s/=> .*/=> drop/' many.pkt >wrong.pkt
	gives 1 skpolc verdicts web.skl wrong.pkt
	says 'wrong.pkt:99999: '
}

prepare() {
	cat >web.skl <<-'EOF'
		policy web
		socket web tcp
		socket dns udp
		http: tcp port 80 -> web count
		dns: udp port 53 -> dns else pass
		default -> pass
	EOF
	sed 's/-> web count/-> wob/' web.skl >bad.skl
	sed '3a socket spare' web.skl >warn.skl
	cat >web.pkt <<-'EOF'
		# a comment, and an empty line:
		tcp 203.0.113.9:1 -> 192.0.2.1:80 => web

		udp [2001:db8::9]:5 -> [2001:db8::1]:53 => dns
		udp 203.0.113.9:1 -> 192.0.2.1:80
	EOF
	cat >web.want <<-'EOF'
		tcp 203.0.113.9:1 -> 192.0.2.1:80 => web
		udp [2001:db8::9]:5 -> [2001:db8::1]:53 => dns
		udp 203.0.113.9:1 -> 192.0.2.1:80 => pass
	EOF
}

if [ $# = 1 ]; then		# one case, in this folder
	prepare
	set -x
	"$1"
	exit
fi
bad=0
for name in a_profile same_bytes_anywhere same_bytes_for_the_same_text \
	standard_output pipe_nobody_reads full_target unwritable_target \
	read_only_target existing_target what_was_read_is_kept mode_is_kept \
	mistakes object_for_text usage options_of_other_verbs warnings \
	emptied_files json_diagnostics odd_names formatter \
	verdicts_of_all_engines verdicts_that_differ sockets_that_are_none \
	differences too_large \
	compares_where_tables_are_too_large \
	a_hundred_thousand_packets; do
	mkdir "$work/$name"
	status=0
	(cd "$work/$name" && SKPOL_BUILD=$build sh "$src/tests/cli/skpolc.sh" \
		"$name") >"$work/log" 2>&1 || status=$?
	case $status in
	0) echo "ok $name" ;;
	77) echo "$name: $(grep -o '^SKIP: .*' "$work/log")" ;;
	*) echo "FAIL $name"
		tail -n 30 "$work/log"
		bad=$((bad + 1)) ;;
	esac
done
[ "$bad" = 0 ]
