/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture_corpus - policies that together use every production of the grammar
 */
#include "fixture_corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *const corpus[] = {
	/* as in the design */
	"# Edge web server\n"
	"policy edge-web\n"
	"\n"
	"socket http  tcp\n"
	"socket https tcp at 127.0.0.1 port 8443   # found by its address\n"
	"socket quic  udp\n"
	"socket dns\n"
	"socket alpha; socket beta; socket lobby\n"
	"\n"
	"set vips = { 192.0.2.0/24, 2001:db8:80::/48 }   # both families\n"
	"set spam = { 198.51.100.0/24; 203.0.113.9,\n203.0.113.64/26, }\n"
	"\n"
	"map tenant by to {                    # the longest prefix wins\n"
	"    192.0.2.0/26, 2001:db8:a::/48 -> alpha\n"
	"    192.0.2.96/28                 -> beta\n"
	"    default                       -> lobby else drop\n"
	"}\n"
	"\n"
	"listed: from spam -> drop count\n"
	"when to vips {\n"
	"    ## the old web\n"
	"    ##\n"
	"    ##  still asked for\n"
	"    acme:  tcp port 80              -> http\n"
	"    tls:   tcp port { 443, 8443 }   -> https else http count\n"
	"    h3:    udp port 443             -> quic else drop\n"
	"    next:  tcp port 9000-9099       -> split by from"
	" { 95% http, 5% https } else http\n"
	"}\n"
	"mgmt:   tcp to 192.0.2.250 port 22 on { \"eth0\", \"eth1\" }"
	" -> pass trace\n"
	"tenants: tcp port 8080              -> map tenant\n"
	"default -> pass\n"
	"\n"
	"expect tcp to 192.0.2.77 port 443   -> https\n"
	"expect udp to vips port 443         -> { quic, drop; pass }\n",

	/* every clause, every operand, every place of a port */
	"policy p;default->drop trace count\n"
	"socket a udp ip6 at ::1 port 0\n"
	"socket b ip4\n"
	"any -> a\n"
	"tcp -> a no-reuseport\n"
	"udp ip4 -> a replace no-reuseport else b replace else pass\n"
	"ip6 from not { } -> b else a else drop\n"
	"from port 1 -> a\n"
	"from 1.2.3.4 port { 1, 2-3 } port 4 -> a\n"
	"from not 1.2.3.4-1.2.3.9 port not 7 -> a\n"
	"to port 5 from ::-::ffff:1.2.3.4 -> a\n"
	"to 10.0.0.0/8 port not { 1 } -> a\n"
	"port 0-65535 -> a\n"
	"on 3 -> a\n"
	"on not { 4, \"lo\", 5-6 } -> a\n"
	"to { 1.2.3.4 ; 10.0.0.0/8,\n::1\n\n,::/0 # c\n} port s -> a\n"
	"set s = { }\nset t={s,t}\n",

	/* maps and splits of all kinds */
	"policy p\n"
	"default -> split by on { 100% a }\n"
	"map m by to, port {\n"
	"1.2.3.4 port 1, 2-3 -> split by from port, to port"
	" { 33.3333% a; 66.6667% b\n} else b else drop\n"
	"1.2.3.0/24,::1 -> a no-reuseport\n"
	"s port 0-65535 -> drop;\n"
	"}\n"
	"map n by port { 1 -> a; 2-3 -> pass }\n"
	"map o by from port, on { }\n"
	"map q by from, port {\n\n# nothing\n\n}\n"
	"map r by on { \"eth0\" -> a\n7 -> b }\n"
	"x: any -> map m count\n"
	"y: any -> split by to, from { 0% a, 50.5% b, 49.5% c, }"
	" else a replace else pass trace\n",

	/* blocks in blocks, lines broken where they may be */
	"policy p\n"
	"when tcp { when to 1.2.3.4 { when on \"eth0\" {\n"
	"deep: port 1 ->\n   a else\n # why\n   b else\n\n   drop count\n"
	"} } ; }\n"
	"when any { }\n"
	"when to not { 1.2.3.4, ::1 } port 7 {\n\n"
	"  ## described\n\n  tcp -> drop  ;  # behind\n\n  udp -> drop }\n"
	"default -> pass # the end",

	/* files */
	"policy p\ninclude \"" CORPUS_INCLUDE "\"\n"
	"set s = file \"" CORPUS_SET "\"\n"
	"map m by to = file \"" CORPUS_MAP "\"\n"
	"a: to s -> map m\n",
};

const size_t corpus_size = sizeof(corpus) / sizeof(*corpus);

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	if (!f || fputs(text, f) < 0 || fclose(f)) {
		perror(name);
		exit(1);
	}
}

void corpus_write_files(void)
{
	write_file(CORPUS_INCLUDE, "# more\ndefault -> pass\nb: udp -> drop\n");
	write_file(CORPUS_SET, "10.0.0.0/8 # ten\n::1\n\n1.2.3.4");
	write_file(CORPUS_MAP, "10.0.0.0/8, ::1 -> web\ndefault -> pass\n");
}

void corpus_remove_files(void)
{
	unlink(CORPUS_INCLUDE);
	unlink(CORPUS_SET);
	unlink(CORPUS_MAP);
}
