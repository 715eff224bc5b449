/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * classbench - firewall rule sets of others, with the answers worked out
 *
 * In: the ClassBench sets of the shared data (folder SKPOL_SHARED, or
 * ../shared beside the source), 100 to 10,000 rules, IPv4 and IPv6, each with a
 * trace of packets and, made by somebody else's linear scan, the number of the
 * first rule that matches. Each set becomes a policy, as classbench2skl.py
 * there makes it: rule i has the verdict i mod 16, of 14 sockets, pass and
 * drop. Every engine of the random tests must name that verdict and that rule;
 * from 10,000 rules on only the program, optimized, which is also proved, and
 * the kernel. `classbench SET...` checks those sets, 100,000 rules among them.
 * Without the data the test is skipped.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "../../grammar/print.h"
#include "../../grammar/print_text.h"
#include "../random/engine.h"

enum { LABELS = 16, LINE_MAX_BYTES = 512, SHOWN_MAX = 5, SKIP = 77 };

static const struct set {
	const char *rules, *trace, *match;
	enum { SMALL, LARGE, BY_HAND } size;
} sets[] = {
	{ "acl1_100", "acl1_100_trace", "acl1_100_match", SMALL },
	{ "fw1_100", "fw1_100_trace", "fw1_100_match", SMALL },
	{ "ipc1_100", "ipc1_100_trace", "ipc1_100_match", SMALL },
	{ "acl1_1k", "acl1_1k_trace", "acl1_1k_match", SMALL },
	{ "fw1_1k", "fw1_1k_trace", "fw1_1k_match", SMALL },
	{ "ipc1_1k", "ipc1_1k_trace", "ipc1_1k_match", SMALL },
	{ "acl1_10k", "acl1_10k_trace", "acl1_10k_match", LARGE },
	{ "fw1_10k", "fw1_10k_trace", "fw1_10k_match", LARGE },
	{ "ipc1_10k", "ipc1_10k_trace", "ipc1_10k_match", LARGE },
	{ "acl1_100k", "acl1_100k_trace", "acl1_100k_match", BY_HAND },
	{ "fw1_100k", "fw1_100k_trace", "fw1_100k_match", BY_HAND },
	{ "ipc1_100k", "ipc1_100k_trace", "ipc1_100k_match", BY_HAND },
	{ "v6/acl1_1k_v6", "v6/acl1_1k_v6_trace", "acl1_1k_match", SMALL },
	{ "v6/fw1_1k_v6", "v6/fw1_1k_v6_trace", "fw1_1k_match", SMALL },
	{ "v6/ipc1_1k_v6", "v6/ipc1_1k_v6_trace", "ipc1_1k_match", SMALL },
};

/* -------------------------------------------------------------- files */

static char folder[4096];

static void find_folder(void)
{
	const char *shared = getenv("SKPOL_SHARED"), *src = getenv("srcdir");

	if (shared)
		snprintf(folder, sizeof(folder), "%s/data/classbench", shared);
	else
		snprintf(folder, sizeof(folder),
			 "%s/../shared/data/classbench", src ? src : ".");
}

/* NAME or NAME.gz; NULL when neither is there. */
static gzFile open_file(const char *name)
{
	char path[sizeof(folder) + 64];
	gzFile f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = gzopen(path, "rb");
	if (f)
		return f;
	strcat(path, ".gz");
	return gzopen(path, "rb");
}

static gzFile need_file(const char *name)
{
	gzFile f = open_file(name);

	if (!f) {
		fprintf(stderr, "%s: %s is missing\n", folder, name);
		exit(1);
	}
	return f;
}

static bool next_line(gzFile f, char line[LINE_MAX_BYTES])
{
	return gzgets(f, line, LINE_MAX_BYTES);
}

static void bad_line(const char *name, const char *line)
{
	fprintf(stderr, "%s: cannot read: %s", name, line);
	exit(1);
}

/* -------------------------------------------------------------- rules */

static const char *verdict(unsigned int i)
{
	static const char *const names[LABELS] = {
		"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9",
		"s10", "s11", "s12", "s13", "pass", "drop",
	};

	return names[i % LABELS];
}

/* The family, or 0 when TEXT is no address. */
static unsigned int read_address(const char *text, u128 *value)
{
	unsigned int family = strchr(text, ':') ? 6 : 4, i;
	uint8_t bytes[16];

	if (inet_pton(family == 4 ? AF_INET : AF_INET6, text, bytes) != 1)
		return 0;
	*value = 0;
	for (i = 0; i < (family == 4 ? 4 : 16); i++)
		*value = *value << 8 | bytes[i];
	return family;
}

struct side {
	char net[64];		/* as in the file */
	unsigned int low, high;	/* ports */
};

struct rule {
	struct side from, to;
	unsigned int protocol, mask;
};

static bool read_rule(const char *line, struct rule *r)
{
	return sscanf(line, "@%63s %63s %u : %u %u : %u 0x%x/0x%x",
		      r->from.net, r->to.net, &r->from.low, &r->from.high,
		      &r->to.low, &r->to.high, &r->protocol, &r->mask) == 8;
}

/* A prefix without its host bits; nothing for one of length 0. */
static bool add_prefix(struct text *t, const char *net, unsigned int *family)
{
	char address[64], *slash, printed[46];
	unsigned int bits, length;
	u128 value;

	strcpy(address, net);
	slash = strchr(address, '/');
	if (!slash)
		return false;
	*slash = '\0';
	length = (unsigned int)atoi(slash + 1);
	*family = read_address(address, &value);
	bits = *family == 4 ? 32 : 128;
	if (!*family || length > bits)
		return false;
	if (!length)
		return true;
	value = value >> (bits - length) << (bits - length);
	text_addf(t, " %s/%u", print_address(printed, *family, value), length);
	return true;
}

/* " from 10.0.0.0/8 port 80", or nothing when it says nothing. */
static bool add_side(struct text *t, const char *word, const struct side *s,
		     unsigned int *family)
{
	size_t begin = t->n, after;

	text_addf(t, " %s", word);
	after = t->n;
	if (!add_prefix(t, s->net, family))
		return false;
	if (s->low == s->high)
		text_addf(t, " port %u", s->low);
	else if (s->low || s->high != 65535)
		text_addf(t, " port %u-%u", s->low, s->high);
	if (t->n == after)
		t->n = begin;
	return true;
}

/* False when LINE is no rule. A rule of another protocol leaves no trace. */
static bool add_rule(struct text *t, const char *line, unsigned int i)
{
	struct text from = { .arena = t->arena }, to = { .arena = t->arena };
	unsigned int family;
	struct rule r;

	if (!read_rule(line, &r) ||
	    !add_side(&from, "from", &r.from, &family) ||
	    !add_side(&to, "to", &r.to, &family))
		return false;
	if (r.mask && r.protocol != 6 && r.protocol != 17)
		return true;
	text_addf(t, "r%u: ip%u%s", i + 1, family, !r.mask ? "" :
		  r.protocol == 6 ? " tcp" : " udp");
	text_add_n(t, from.v, from.n);
	text_add_n(t, to.v, to.n);
	text_addf(t, " -> %s\n", verdict(i));
	return true;
}

/* Of EVERY so many rules one; 0: all. */
static bool is_taken(unsigned int every, unsigned int rule)
{
	return !every || rule % every == 0;
}

static char *policy_text(struct arena *a, const struct set *s,
			 unsigned int every)
{
	struct text t = { .arena = a };
	char line[LINE_MAX_BYTES];
	unsigned int i;
	gzFile f = need_file(s->rules);

	text_add(&t, "policy classbench\n");
	for (i = 0; i < LABELS - 2; i++)
		text_addf(&t, "socket s%u\n", i);
	for (i = 0; next_line(f, line); i++)
		if (is_taken(every, i) && !add_rule(&t, line, i))
			bad_line(s->rules, line);
	text_add(&t, "default -> pass\n");
	gzclose(f);
	return text_done(&t);
}

/* ------------------------------------------------------------ packets */

struct line {
	struct question question;
	unsigned int protocol;
	unsigned int first;	/* number of the first rule, from 1; 0 = none */
};

static unsigned int trace_address(const char *text, u128 *value)
{
	if (strspn(text, "0123456789") != strlen(text))
		return read_address(text, value);
	*value = (uint32_t)strtoul(text, NULL, 10);
	return 4;
}

static bool read_packet(const char *text, struct line *l)
{
	unsigned int remote_port, local_port;
	char remote[64], local[64];
	struct packet *p = &l->question.packet;

	memset(l, 0, sizeof(*l));
	if (sscanf(text, "%63s %63s %u %u %u", remote, local, &remote_port,
		   &local_port, &l->protocol) != 5)
		return false;
	p->family = (uint8_t)trace_address(remote, &p->remote);
	p->protocol = (uint8_t)l->protocol;
	p->remote_port = (uint16_t)remote_port;
	p->local_port = (uint16_t)local_port;
	return p->family && trace_address(local, &p->local) == p->family;
}

/* Whether A names the verdict and the rule that L asks for. */
static bool is_right(const struct answer *a, const struct line *l)
{
	char name[16] = "";

	if (!a->given)
		return true;
	if (l->first)
		snprintf(name, sizeof(name), "r%u", l->first);
	if (strcmp(a->verdict, l->first ? verdict(l->first - 1) : "pass"))
		return false;
	return !a->rule ||
		!strcmp(a->rule->name.text ? a->rule->name.text : "", name);
}

static bool ask(const struct engines *e, const struct subject *s,
		const struct line *l, bool show)
{
	struct answer answers[ENGINE_COUNT];
	bool right = true;
	size_t i;

	engines_ask(e, &l->question, answers);
	for (i = 0; i < ENGINE_COUNT; i++)
		right &= is_right(&answers[i], l);
	if (!right && show) {
		fprintf(stderr, "rule %u is the first for ", l->first);
		question_print(&l->question, s->policy, stderr);
		engines_print(answers, s->policy, stderr);
	}
	return right;
}

static size_t ask_all(const struct set *set, const struct engines *e,
		      const struct subject *s, size_t *wrong)
{
	char line[LINE_MAX_BYTES], match[LINE_MAX_BYTES];
	gzFile trace = need_file(set->trace), first = need_file(set->match);
	struct line l;
	size_t n = 0;

	while (next_line(trace, line)) {
		if (!read_packet(line, &l) || !next_line(first, match))
			bad_line(set->trace, line);
		l.first = (unsigned int)atoi(match);
		if (l.protocol != PACKET_TCP && l.protocol != PACKET_UDP)
			continue;	/* never reaches the hook */
		n++;
		*wrong += !ask(e, s, &l, *wrong < SHOWN_MAX);
	}
	gzclose(trace);
	gzclose(first);
	return n;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static size_t one_set(const struct set *set)
{
	double begin = now(), ready;
	uint32_t engines = set->size ? 1u << ENGINE_bytes_2 |
		1u << ENGINE_kernel : UINT32_MAX;
	size_t wrong = 0, n, i;
	struct engines e;
	struct subject s;
	struct arena a;

	arena_init(&a, NULL);
	if (!(set->size ? subject_read : subject_open)(&s,
						policy_text(&a, set, 0))) {
		diag_print(&s.diags, stderr, false);
		exit(1);
	}
	engines_prepare_some(&e, &s, engines);
	ready = now();
	for (i = 0; i < ENGINE_COUNT; i++)
		if (engines >> i & 1 && !e.state[i]) {
			printf("%s: %s cannot take it\n", set->rules,
			       engine_name(i));
			wrong++;
		}
	n = ask_all(set, &e, &s, &wrong);
	printf("%-15s %6zu rules, %5zu packets, %zu wrong; %.2f s + %.2f s\n",
	       set->rules, s.policy->nrules, n, wrong, ready - begin,
	       now() - ready);
	engines_finish(&e);
	subject_close(&s);
	arena_free(&a);
	return wrong;
}

/* For the benchmark: a set as a policy, on standard output. */
static void print_policy(const char *name, unsigned int every)
{
	const struct set s = { .rules = name };
	struct arena a;

	arena_init(&a, NULL);
	fputs(policy_text(&a, &s, every), stdout);
	arena_free(&a);
}

/* The packet of L with its verdict, if that is known: the first rule of all is the
 * first one of those that are taken, too, if it is one of them. */
static void print_packet(const struct line *l, unsigned int every)
{
	char text[PACKET_TEXT_MAX];

	if ((l->protocol != PACKET_TCP && l->protocol != PACKET_UDP) ||
	    (l->first && !is_taken(every, l->first - 1)))
		return;
	printf("%s => %s\n", packet_print(&l->question.packet, text),
	       l->first ? verdict(l->first - 1) : "pass");
}

/* For the benchmark: its packets and their verdicts, as a .pkt file. */
static void print_packets(const char *name, unsigned int every)
{
	char trace_name[64], match_name[64], line[LINE_MAX_BYTES],
		match[LINE_MAX_BYTES];
	/* The IPv6 sets have the match files of their IPv4 originals. */
	const char *plain = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
	gzFile trace, first;
	struct line l;

	snprintf(trace_name, sizeof(trace_name), "%s_trace", name);
	snprintf(match_name, sizeof(match_name), "%.*s_match",
		 (int)(strstr(plain, "_v6") ? strstr(plain, "_v6") - plain :
		       (long)strlen(plain)), plain);
	trace = need_file(trace_name);
	first = need_file(match_name);
	while (next_line(trace, line)) {
		if (!read_packet(line, &l) || !next_line(first, match))
			bad_line(trace_name, line);
		l.first = (unsigned int)atoi(match);
		print_packet(&l, every);
	}
	gzclose(trace);
	gzclose(first);
}

/* `policy SET [EVERY]`, `packets SET [EVERY]`: of each so many rules one. */
static bool was_printed(int argc, char **argv)
{
	unsigned int every = argc > 3 ? (unsigned int)atoi(argv[3]) : 0;

	if (argc < 3 || argc > 4)
		return false;
	if (!strcmp(argv[1], "policy"))
		print_policy(argv[2], every);
	else if (!strcmp(argv[1], "packets"))
		print_packets(argv[2], every);
	else
		return false;
	return true;
}

static bool is_named(const struct set *s, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], s->rules))
			return true;
	return false;
}

/* Each argument must be a set: of none nothing would be wrong. */
static bool all_are_sets(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		bool known = false;

		for (size_t s = 0; s < sizeof(sets) / sizeof(*sets); s++)
			known |= !strcmp(argv[i], sets[s].rules);
		if (!known) {
			fprintf(stderr, "classbench: no set %s\n", argv[i]);
			return false;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	size_t i, wrong = 0;
	gzFile f;

	find_folder();
	if (was_printed(argc, argv))
		return 0;
	if (!all_are_sets(argc, argv))
		return 2;
	f = open_file(sets[0].rules);
	if (!f) {
		printf("SKIP: no ClassBench sets in %s\n", folder);
		return SKIP;
	}
	gzclose(f);
	for (i = 0; i < sizeof(sets) / sizeof(*sets); i++)
		if (argc > 1 ? is_named(&sets[i], argc, argv) :
		    sets[i].size != BY_HAND)
			wrong += one_set(&sets[i]);
	printf("%zu wrong answers: %s\n", wrong, wrong ? "FAILED" : "good");
	return wrong > 0;
}
