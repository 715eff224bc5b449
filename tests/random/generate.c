/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * generate - random policies, as text
 *
 * In: a seed. Out: sockets, sets, rules in blocks, maps, expectations, in an
 * order that the language does not mind. A block is written around a packet,
 * and what is inside it around the same packet.
 */
#include "generate_parts.h"

#include "../../grammar/print.h"

enum { DEPTH_MAX = 3, CLAUSES_MAX = 6 };

/* ------------------------------------------------------------ sockets */

static void gen_at(struct gen *g, struct text *t, const char *family)
{
	struct packet p = gen_packet(g);
	char address[46];

	if (*family)
		p.family = family[2] - '0';
	p.local = random_address(&g->random, p.family);
	text_addf(t, " at %s port %u",
		  print_address(address, p.family, p.local),
		  1 + random_below(&g->random, 65535));
}

static void gen_socket(struct gen *g, const char *name)
{
	static const char *const protocols[] = { "", "", "tcp", "udp" };
	static const char *const families[] = { "", "", "", "ip4", "ip6" };
	const char *protocol = protocols[random_below(&g->random, 4)];
	const char *family = families[random_below(&g->random, 5)];
	struct text t = { .arena = g->arena };
	uint8_t kinds = KIND_ALL;

	if (*protocol)
		kinds &= *protocol == 't' ? KIND_TCP4 | KIND_TCP6 :
			KIND_UDP4 | KIND_UDP6;
	if (*family)
		kinds &= family[2] == '4' ? KIND_TCP4 | KIND_UDP4 :
			KIND_TCP6 | KIND_UDP6;
	text_addf(&t, "socket %s", name);
	if (*family && random_chance(&g->random, 20))
		text_addf(&t, " %s%s%s", family, *protocol ? " " : "",
			  protocol);
	else
		text_addf(&t, "%s%s%s%s", *protocol ? " " : "", protocol,
			  *family ? " " : "", family);
	if (random_chance(&g->random, 15))
		gen_at(g, &t, family);
	*arena_push(g->arena, g->items, g->nitems, g->items_cap) =
		text_done(&t);
	*arena_push(g->arena, g->sockets, g->nsockets, g->sockets_cap) =
		(struct gen_socket){ name, kinds };
}

static void gen_sockets(struct gen *g)
{
	static const char *const names[] = {
		"http", "https", "quic", "dns", "a", "old-web", "x_1",
	};
	uint32_t n = random_chance(&g->random, 3) ? 0 :
		1 + random_below(&g->random, 7), i;

	for (i = 0; i < n; i++)
		gen_socket(g, names[i]);
}

/* ------------------------------------------------------------ matches */

struct clauses {
	const char *v[CLAUSES_MAX];
	size_t n;
	bool port_alone;	/* v[0] is a `port` of its own */
};

static void add_clause(struct clauses *c, struct text *t)
{
	c->v[c->n++] = text_done(t);
}

/* `from` or `to`, with an address, a port or both. */
static void gen_side(struct gen *g, struct clauses *c, bool local, bool port,
		     const struct packet *p, uint8_t *kinds)
{
	struct text t = { .arena = g->arena };
	bool address = !port || random_chance(&g->random, 60);

	text_add(&t, local ? "to " : "from ");
	if (address)
		gen_operand(g, &t, local ? USE_TO : USE_FROM, p, kinds);
	if (port) {
		text_add(&t, address ? " port " : "port ");
		gen_operand(g, &t, local ? USE_PORT : USE_FROM_PORT, p, kinds);
	}
	add_clause(c, &t);
}

/* An operand behind a word of its own. */
static void gen_clause(struct gen *g, struct clauses *c, const char *word,
		       enum use use, const struct packet *p, uint8_t *kinds)
{
	struct text t = { .arena = g->arena };

	text_add(&t, word);
	gen_operand(g, &t, use, p, kinds);
	add_clause(c, &t);
}

static void gen_keywords(struct gen *g, struct clauses *c,
			 const struct packet *p, uint8_t *kinds)
{
	bool tcp = p->protocol == PACKET_TCP, ip4 = p->family == 4;

	if (random_chance(&g->random, 50)) {
		*kinds &= tcp ? KIND_TCP4 | KIND_TCP6 : KIND_UDP4 | KIND_UDP6;
		c->v[c->n++] = tcp ? "tcp" : "udp";
	}
	if (random_chance(&g->random, 15)) {
		*kinds &= ip4 ? KIND_TCP4 | KIND_UDP4 : KIND_TCP6 | KIND_UDP6;
		c->v[c->n++] = ip4 ? "ip4" : "ip6";
	}
}

static void gen_clauses(struct gen *g, struct clauses *c,
			const struct packet *p, uint8_t *kinds)
{
	bool port = random_chance(&g->random, 40);
	bool port_alone = port && random_chance(&g->random, 60);
	bool to = random_chance(&g->random, 45) || (port && !port_alone);

	if (port_alone) {
		gen_clause(g, c, "port ", USE_PORT, p, kinds);
		c->port_alone = true;
	}
	gen_keywords(g, c, p, kinds);
	if (random_chance(&g->random, 35))
		gen_side(g, c, false, random_chance(&g->random, 35), p, kinds);
	if (to)
		gen_side(g, c, true, port && !port_alone, p, kinds);
	if (random_chance(&g->random, 15))
		gen_clause(g, c, "on ", USE_ON, p, kinds);
}

/*
 * Clauses in any order; but right behind a `from` without a port, a `port`
 * would be the remote one, so it stays in front.
 */
static void write_clauses(struct gen *g, struct text *t, struct clauses *c)
{
	size_t first = c->port_alone, i;

	for (i = first + 1; i < c->n; i++) {
		size_t j = first + random_below(&g->random, i + 1 - first);
		const char *v = c->v[i];

		c->v[i] = c->v[j];
		c->v[j] = v;
	}
	for (i = 0; i < c->n; i++)
		text_addf(t, i ? " %s" : "%s", c->v[i]);
}

/* Writes a match that holds P, and limits *KINDS to what it can hold. */
static void gen_match(struct gen *g, struct text *t, const struct packet *p,
		      uint8_t *kinds)
{
	struct clauses c = { .n = 0 };

	if (!random_chance(&g->random, 4))
		gen_clauses(g, &c, p, kinds);
	if (c.n)
		write_clauses(g, t, &c);
	else
		text_add(t, "any");
}

/* --------------------------------------------------------- statements */

struct scope {
	struct packet packet;	/* that all blocks around hold */
	uint8_t kinds;
	unsigned int depth;
};

static void indent(struct text *t, unsigned int depth)
{
	while (depth--)
		text_add(t, "\t");
}

static void gen_rule(struct gen *g, struct text *t, const struct scope *s)
{
	struct packet p = s->depth ? s->packet : gen_packet(g);
	uint8_t kinds = s->kinds;

	g->left--;
	if (random_chance(&g->random, 4)) {
		indent(t, s->depth);
		text_addf(t, "## what rule %u is for\n", g->names);
	}
	indent(t, s->depth);
	if (random_chance(&g->random, 60))
		text_addf(t, "r%u: ", g->names++);
	gen_match(g, t, &p, &kinds);
	text_add(t, random_chance(&g->random, 95) ? " -> " : " ->\n");
	gen_verdict(g, t, kinds, &p, true);
	if (random_chance(&g->random, 20))
		text_add(t, " count");
	if (random_chance(&g->random, 10))
		text_add(t, " trace");
	text_add(t, "\n");
}

static void gen_statement(struct gen *g, struct text *t,
			  const struct scope *outer);

static void gen_block(struct gen *g, struct text *t,
		      const struct scope *outer)
{
	struct scope s = *outer;
	uint32_t n = random_below(&g->random, 5);

	if (!s.depth)
		s.packet = gen_packet(g);
	indent(t, s.depth);
	text_add(t, "when ");
	gen_match(g, t, &s.packet, &s.kinds);
	text_add(t, " {\n");
	s.depth++;
	while (n--)
		gen_statement(g, t, &s);
	indent(t, outer->depth);
	text_add(t, "}\n");
}

static void gen_statement(struct gen *g, struct text *t,
			  const struct scope *outer)
{
	if (outer->depth < DEPTH_MAX && random_chance(&g->random, 18))
		gen_block(g, t, outer);
	else if (g->left > 0)
		gen_rule(g, t, outer);
}

static void gen_statements(struct gen *g)
{
	const struct scope top = { .kinds = KIND_ALL };

	while (g->left > 0) {
		struct text t = { .arena = g->arena };

		gen_statement(g, &t, &top);
		*arena_push(g->arena, g->statements, g->nstatements,
			    g->statements_cap) = text_done(&t);
	}
}

/* ------------------------------------------------------------ expects */

/* One that is true of every policy: all that can happen to any packet. */
static void gen_expect(struct gen *g)
{
	size_t n = g->nsockets + 2;
	const char **goals = arena_array(g->arena, n, sizeof(*goals));
	struct text t = { .arena = g->arena };
	struct packet p = gen_packet(g);
	uint8_t kinds = KIND_ALL;
	size_t i;

	for (i = 0; i < g->nsockets; i++)
		goals[i] = g->sockets[i].name;
	goals[i] = "pass";
	goals[i + 1] = "drop";
	text_add(&t, "expect ");
	gen_match(g, &t, &p, &kinds);
	text_add(&t, " -> ");
	gen_braces(g, &t, goals, n);
	*arena_push(g->arena, g->items, g->nitems, g->items_cap) =
		text_done(&t);
}

/* ------------------------------------------------------------ the text */

static int how_many_rules(struct gen *g)
{
	uint32_t size = random_below(&g->random, 100);

	if (size < 60)
		return 1 + random_below(&g->random, 6);
	if (size < 85)
		return 7 + random_below(&g->random, 8);
	if (size < 97)
		return 15 + random_below(&g->random, 11);
	return 26 + random_below(&g->random, GENERATE_RULES_MAX - 25);
}

/* Statements keep their order; everything else falls between them. */
static char *put_together(struct gen *g)
{
	struct text t = { .arena = g->arena };
	size_t s = 0, i = 0;

	text_add(&t, "policy random\n");
	while (s < g->nstatements || i < g->nitems) {
		size_t left = g->nstatements - s + g->nitems - i;

		if (random_below(&g->random, left) < g->nitems - i) {
			text_add(&t, g->items[i++]);
			text_add(&t, random_chance(&g->random, 90) ? "\n" :
				 "\t# and so on\n");
		} else {
			text_add(&t, g->statements[s++]);
		}
	}
	return text_done(&t);
}

char *generate_policy(struct arena *a, uint64_t seed, unsigned int rules)
{
	struct gen *g = arena_alloc(a, sizeof(*g));

	g->arena = a;
	g->random = random_new(seed);
	g->left = rules ? (int)rules : how_many_rules(g);
	gen_clusters(g);
	gen_sockets(g);
	gen_sets(g);
	gen_statements(g);
	gen_default(g);
	gen_maps(g);
	while (random_chance(&g->random, 15))
		gen_expect(g);
	return put_together(g);
}
