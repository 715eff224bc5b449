/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture_policy - policies for tests: from text, and random ones
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../grammar/arena.h"
#include "../../grammar/parse.h"
#include "fixture_policy.h"

struct fixture *fixture_compile(const char *text)
{
	struct fixture *w = calloc(1, sizeof(*w));
	struct ast *ast;
	int file;

	arena_init(&w->arena, NULL);
	source_init(&w->sources, &w->arena);
	diag_init(&w->diags, &w->arena, &w->sources);
	file = source_add(&w->sources, "t.skl", text, strlen(text));
	ast = parse_policy(&w->arena, &w->sources, &w->diags, file);
	if (!w->diags.nerrors)
		w->policy = policy_resolve(&w->arena, ast, &w->diags);
	if (w->policy)
		w->diagram = diagram_build(&w->arena, w->policy, NULL);
	return w;
}

void fixture_free(struct fixture *w)
{
	arena_free(&w->arena);
	free(w);
}

/* ---------------------------------------------------- random policies */

enum { PORTS = 7, CLIENTS = 20, HOSTS = 4, INTERFACES = 4 };

static uint64_t seed = 3;

uint32_t fixture_rnd(uint32_t n)
{
	seed = seed * 6364136223846793005 + 1442695040888963407;
	return (seed >> 33) % n;
}

static uint32_t rnd(uint32_t n)
{
	return fixture_rnd(n);
}

static void add(char **at, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void add(char **at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	*at += vsprintf(*at, fmt, ap);
	va_end(ap);
}

static void add_range(char **at, const char *word, uint32_t n)
{
	uint32_t low = rnd(n);

	add(at, " %s %u-%u", word, low, low + rnd(n - low));
}

static void add_match(char **at)
{
	static const char *const protocols[] = { "", "tcp", "udp" };
	static const char *const hosts[] = {
		"10.0.0.0/31", "10.0.0.1", "fd00::", "fd00::/127",
		"{ 10.0.0.1, fd00::/127 }", "not 10.0.0.0", "10.0.0.0/8",
		"s", "not s", "{ t, 10.0.0.2 }", "not nothing",
	};
	static const char *const interfaces[] = {
		"\"eth0\"", "3", "not \"eth0\"", "not { \"eth0\", 3 }",
	};
	char *begin = *at;

	add(at, "%s", protocols[rnd(3)]);
	if (!rnd(3))
		add(at, " from port %u-%u", rnd(2), 1 + rnd(3));
	if (rnd(2))
		add(at, " to %s", hosts[rnd(11)]);
	if (rnd(3))
		add_range(at, " port", PORTS);
	if (!rnd(6))
		add(at, " on %s", interfaces[rnd(4)]);
	if (*at == begin)
		add(at, "any");
}

static void add_verdict(char **at)
{
	static const char *const verdicts[] = {
		"pass", "drop", "a", "b else a", "b", "a else pass",
		"a no-reuseport", "c else b else pass", "drop count",
		"map m", "map n", "split by from port { 60% a, 40% b }",
	};

	add(at, " -> %s", verdicts[rnd(12)]);
}

static void add_rules(char **at)
{
	bool inside = false;

	for (uint32_t i = 0; i < FIXTURE_RULES; i++) {
		if (!inside && !rnd(5)) {
			add(at, "when ");
			add_match(at);
			add(at, " {\n");
			inside = true;
		}
		add(at, "r%u: ", i);
		add_match(at);
		add_verdict(at);
		add(at, "\n");
		if (inside && rnd(2)) {
			add(at, "}\n");
			inside = false;
		}
	}
	add(at, "%sdefault -> %s\n", inside ? "}\n" : "",
	    rnd(2) ? "pass" : "drop");
}

static void write_policy(char *at)
{
	static const char *const goals[] = {
		"a", "{ a, b, pass, drop }", "{ a, b }", "{ pass, drop, c }",
	};

	add(&at, "policy p\nsocket a\nsocket b tcp\nsocket c ip6\n"
	    "set nothing = {}\nset t = { fd00::1, nothing }\n"
	    "set s = { 10.0.0.1, t }\n"
	    "map m by port { 1-3 -> a; 2 -> pass }\n"
	    "map n by to, port {\n10.0.0.0/31 -> a\n"
	    "s port 2-4, 1 -> drop\n10.0.0.0 port 2 -> b\n"
	    "fd00::/126 port 0-5 -> "
	    "split by from port { 50%% a, 50%% c } else pass\n}\n");
	add_rules(&at);
	for (int i = 0; i < 4; i++) {
		add(&at, "expect ");
		add_match(&at);
		add(&at, " -> %s\n", goals[rnd(4)]);
	}
}

static char text[4096];		/* of the last random policy */

/* Forgets what resolve had to say; NULL after an error. */
static struct fixture *sensible(const char *policy)
{
	struct fixture *w = fixture_compile(policy);

	if (!w->policy) {
		fixture_free(w);
		return NULL;
	}
	w->diags.first = NULL;
	w->diags.last = &w->diags.first;
	return w;
}

struct fixture *fixture_random(void)
{
	struct fixture *w = NULL;

	while (!w) {
		write_policy(text);
		w = sensible(text);
	}
	return w;
}

/* The line of rule I in S. */
static char *rule_line(char *s, uint32_t i)
{
	char name[16];

	sprintf(name, "\nr%u:", i);
	return strstr(s, name) + 1;
}

/* Moves the line at FROM before the line at TO, which is not behind it. */
static void move_line(char *to, char *from)
{
	size_t len = (size_t)(strchr(from, '\n') + 1 - from);
	char line[512];

	memcpy(line, from, len);
	memmove(to + len, to, (size_t)(from - to));
	memcpy(to, line, len);
}

static void mutate(char *s)
{
	uint32_t i = rnd(FIXTURE_RULES);
	char *line = rule_line(s, i), *end = strchr(line, '\n');
	char rest[4096], *at;

	strcpy(rest, end);
	switch (rnd(4)) {
	case 0:			/* no rule: the line becomes a comment */
		*line = '#';
		break;
	case 1:
		move_line(rule_line(s, rnd(i + 1)), line);
		break;
	case 2:
		at = strstr(line, " -> ");
		add_verdict(&at);
		strcpy(at, rest);
		break;
	default:
		break;
	}
}

struct fixture *fixture_variant(void)
{
	struct fixture *w = NULL;
	char other[4096];

	while (!w) {
		strcpy(other, text);
		mutate(other);
		w = sensible(other);
	}
	return w;
}

bool fixture_packet(const struct policy *p, uint32_t i, u128 v[FIELD_COUNT])
{
	struct packet k = { .family = i & 1 ? 6 : 4 };

	k.protocol = i & 2 ? PACKET_UDP : PACKET_TCP;
	i >>= 2;
	k.local = k.family == 6 ? (u128)0xfd << 120 : 0x0a000000;
	k.local += i % HOSTS < HOSTS - 1 ? i % HOSTS : k.local / 2;
	i /= HOSTS;
	k.local_port = i % (PORTS + 1);
	i /= PORTS + 1;
	if (i % INTERFACES & 1)
		strcpy(k.ifname, "eth0");
	k.ifindex = i % INTERFACES & 2 ? 3 : 0;
	i /= INTERFACES;
	k.remote_port = i;
	policy_packet_fields(p, &k, v);
	return i < CLIENTS;
}

/* ------------------------------------------------- the dumb reference */

bool fixture_holds(const struct terms *t, const u128 v[FIELD_COUNT])
{
	for (size_t i = 0; i < t->n; i++) {
		int f = 0;

		while (f < FIELD_COUNT &&
		       (!t->v[i].set[f] ||
			iset_contains(t->v[i].set[f], v[f])))
			f++;
		if (f == FIELD_COUNT)
			return true;
	}
	return false;
}

uint32_t fixture_rule(const struct policy *p, const struct clause *c)
{
	return p->actions[c->action].rule;
}

const struct clause *fixture_scan(const struct policy *p, uint32_t without,
				  const u128 v[FIELD_COUNT])
{
	const struct clause *c = p->clauses;

	while (fixture_rule(p, c) == without || !fixture_holds(&c->terms, v))
		c++;
	return c;
}

uint32_t fixture_choice(const struct policy *p, const struct clause *c,
			const u128 v[FIELD_COUNT])
{
	const struct outcome *o =
		&p->outcomes[policy_action_outcome(p, c->action, v)];

	return policy_first_choice(p, o, v[FIELD_FAMILY], v[FIELD_PROTOCOL]);
}
