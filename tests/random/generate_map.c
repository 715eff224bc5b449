/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * generate_map - verdicts, and the maps they ask
 *
 * In: the kinds of packets a rule has. Out: chains and splits of sockets that
 * can have some of them. A map is written last, when all that ask it are
 * known: for each of them there is an entry that holds its packet. Keys that
 * would clash with others are left out.
 */
#include "generate_parts.h"

#include "../../grammar/print.h"

uint8_t packet_kind(const struct packet *p)
{
	return p->protocol == PACKET_TCP ?
		(p->family == 4 ? KIND_TCP4 : KIND_TCP6) :
		(p->family == 4 ? KIND_UDP4 : KIND_UDP6);
}

/* ------------------------------------------------------------- chains */

/* A socket that can have packets of KINDS, or NULL. */
static const char *pick_socket(struct gen *g, uint8_t kinds)
{
	size_t i, first;

	if (!g->nsockets)
		return NULL;
	first = random_below(&g->random, g->nsockets);
	for (i = 0; i < g->nsockets; i++) {
		const struct gen_socket *s =
			&g->sockets[(first + i) % g->nsockets];

		if (s->kinds & kinds)
			return s->name;
	}
	return NULL;
}

static const char *pick_tail(struct gen *g)
{
	return random_chance(&g->random, 50) ? "pass" : "drop";
}

static void gen_flags(struct gen *g, struct text *t)
{
	bool replace_first = random_chance(&g->random, 50);

	if (replace_first && random_chance(&g->random, 15))
		text_add(t, " replace");
	if (random_chance(&g->random, 10))
		text_add(t, " no-reuseport");
	if (!replace_first && random_chance(&g->random, 15))
		text_add(t, " replace");
}

/* The chain's first socket can have a packet of FIRST. */
static void gen_chain(struct gen *g, struct text *t, uint8_t first,
		      uint8_t kinds)
{
	const char *socket = pick_socket(g, first);
	uint32_t more = random_chance(&g->random, 60) ? 0 :
		1 + random_below(&g->random, 2);

	if (!socket) {
		text_add(t, pick_tail(g));
		return;
	}
	text_add(t, socket);
	gen_flags(g, t);
	while (more--) {
		text_add(t, random_chance(&g->random, 90) ? " else " :
			 " else\n");
		text_add(t, pick_socket(g, kinds));
		gen_flags(g, t);
	}
	if (random_chance(&g->random, 40))
		text_addf(t, " else %s", pick_tail(g));
}

/* ------------------------------------------------------------- splits */

static void gen_keys(struct gen *g, struct text *t)
{
	static const char *const keys[] = {
		"from", "to", "from port", "to port", "on",
	};
	uint32_t mask = 1 + random_below(&g->random, 31);
	uint32_t first = random_below(&g->random, 5), i, n = 0;

	for (i = 0; i < 5; i++) {
		uint32_t k = (first + i * 2) % 5;

		if (mask >> k & 1)
			text_addf(t, n++ ? ", %s" : "%s", keys[k]);
	}
}

static char *gen_share(struct gen *g, uint32_t parts, uint8_t kinds)
{
	const char *socket = pick_socket(g, kinds);

	if (parts % 10000)
		return arena_printf(g->arena, "%u.%04u%% %s", parts / 10000,
				    parts % 10000, socket);
	return arena_printf(g->arena, "%u%% %s", parts / 10000, socket);
}

static uint32_t gen_parts(struct gen *g, uint32_t most)
{
	uint32_t percent = most / 10000;

	if (!percent || random_chance(&g->random, 20))
		return random_below(&g->random, most + 1);
	return 10000 * random_below(&g->random, percent + 1);
}

static void gen_split(struct gen *g, struct text *t, uint8_t kinds)
{
	uint32_t n = 1 + random_below(&g->random, 5), i, left = 1000000;
	const char *shares[5];

	text_add(t, "split by ");
	gen_keys(g, t);
	for (i = 0; i < n; i++) {
		uint32_t parts = i + 1 < n ? gen_parts(g, left) : left;

		shares[i] = gen_share(g, parts, kinds);
		left -= parts;
	}
	text_add(t, " ");
	gen_braces(g, t, shares, n);
	if (!random_chance(&g->random, 50))
		return;
	text_add(t, " else ");
	gen_chain(g, t, kinds, kinds);
}

/* ----------------------------------------------------------- verdicts */

static struct gen_map *pick_map(struct gen *g)
{
	static const char *const names[MAPS_MAX] = {
		"tenant", "m2", "by-port", "M",
	};
	size_t i = random_below(&g->random, MAPS_MAX);
	struct gen_map *m;

	if (i < g->nmaps)
		return &g->maps[i];
	i = g->nmaps;
	m = arena_push(g->arena, g->maps, g->nmaps, g->maps_cap);
	*m = (struct gen_map){ .name = names[i] };
	return m;
}

static struct gen_map *ask_map(struct gen *g, struct text *t, uint8_t kinds,
			       const struct packet *p)
{
	struct gen_map *m = pick_map(g);

	m->asked |= kinds;
	*arena_push(g->arena, m->witnesses, m->nwitnesses,
		    m->witnesses_cap) = *p;
	text_addf(t, "map %s", m->name);
	return m;
}

void gen_verdict(struct gen *g, struct text *t, uint8_t kinds,
		 const struct packet *p, bool may_ask_map)
{
	uint32_t what = random_below(&g->random, 100);
	bool socket = pick_socket(g, kinds);

	if (what < 10 || !socket)
		text_add(t, "pass");
	else if (what < 20)
		text_add(t, "drop");
	else if (what < 38 && may_ask_map)
		ask_map(g, t, kinds, p);
	else if (what < 52)
		gen_split(g, t, kinds);
	else
		gen_chain(g, t, kinds, kinds);
}

void gen_default(struct gen *g)
{
	struct text t = { .arena = g->arena };
	struct packet p = gen_packet(g);

	text_add(&t, "default -> ");
	if (random_chance(&g->random, 5))
		ask_map(g, &t, KIND_ALL, &p)->needs_default = true;
	else
		gen_verdict(g, &t, KIND_ALL, &p, false);
	if (random_chance(&g->random, 20))
		text_add(&t, " count");
	*arena_push(g->arena, g->items, g->nitems, g->items_cap) =
		text_done(&t);
}

/* --------------------------------------------------------------- maps */

struct key {
	struct ast_element place;	/* all zero when the map has none */
	uint32_t port_low, port_high;
	size_t entry;
};

struct map_text {
	struct gen_map *map;
	bool by_place, by_port, standard;
	enum use place, port;
	struct key *keys;
	size_t nkeys, keys_cap, nentries;
	struct text text;
};

static bool clashes(const struct map_text *m, const struct key *k)
{
	size_t i;

	for (i = 0; i < m->nkeys; i++) {
		const struct key *o = &m->keys[i];

		if (o->entry == k->entry ||
		    o->place.family != k->place.family ||
		    o->place.low != k->place.low ||
		    o->place.high != k->place.high ||
		    o->place.text != k->place.text)
			continue;
		if (o->port_high - o->port_low == k->port_high - k->port_low &&
		    o->port_low <= k->port_high && k->port_low <= o->port_high)
			return true;
	}
	return false;
}

static bool all_clash_free(const struct map_text *m,
			   const struct ast_elements *places,
			   const struct ast_elements *ports)
{
	size_t i, j;

	for (i = 0; i < places->n; i++)
		for (j = 0; j < ports->n; j++) {
			struct key k = { places->v[i], ports->v[j].low,
					 ports->v[j].high, m->nentries };

			if (clashes(m, &k))
				return false;
		}
	return true;
}

static void take_keys(struct gen *g, struct map_text *m,
		      const struct ast_elements *places,
		      const struct ast_elements *ports)
{
	size_t i, j;

	for (i = 0; i < places->n; i++)
		for (j = 0; j < ports->n; j++)
			*arena_push(g->arena, m->keys, m->nkeys, m->keys_cap) =
				(struct key){ places->v[i], ports->v[j].low,
					      ports->v[j].high, m->nentries };
}

static void push(struct gen *g, struct ast_elements *l, struct ast_element e)
{
	*arena_push(g->arena, l->v, l->n, l->cap) = e;
}

/* One or a few keys of USE, the first one around P; the text of each. */
static void gen_list(struct gen *g, enum use use, const struct packet *p,
		     struct ast_elements *list, struct text *t)
{
	uint32_t more = random_chance(&g->random, 70) ? 0 :
		random_below(&g->random, 3);
	struct ast_element e = gen_element(g, use, p, true);

	push(g, list, e);
	text_add(t, print_element(g->arena, &e));
	while (more--) {
		struct packet other = gen_packet(g);

		e = gen_element(g, use, &other, true);
		push(g, list, e);
		text_addf(t, ", %s", print_element(g->arena, &e));
	}
}

/* A set in place of the list, now and then. */
static bool gen_set_key(struct gen *g, enum use use, struct ast_elements *list,
			struct text *t)
{
	const struct gen_set *s;

	if (!g->nsets || random_chance(&g->random, 85))
		return false;
	s = &g->sets[random_below(&g->random, g->nsets)];
	if (s->kind != (use == USE_ON ? OF_INTERFACES : OF_ADDRESSES) ||
	    s->ranges)
		return false;
	*list = s->members;
	text_add(t, s->name);
	return true;
}

static uint8_t kinds_of(const struct ast_elements *places)
{
	uint8_t kinds = 0;
	size_t i;

	for (i = 0; i < places->n; i++)
		kinds |= places->v[i].family == 4 ? KIND_TCP4 | KIND_UDP4 :
			places->v[i].family == 6 ? KIND_TCP6 | KIND_UDP6 :
			KIND_ALL;
	return kinds;
}

/* P: a packet that the entry holds, unless a set stands in its place. */
static void gen_entry(struct gen *g, struct map_text *m,
		      const struct packet *p)
{
	const struct ast_element any = { .high = UINT16_MAX };
	struct ast_elements places = { NULL, 0, 0 }, ports = { NULL, 0, 0 };
	struct text t = { .arena = g->arena };
	uint8_t kinds;

	if (!m->by_place)
		push(g, &places, (struct ast_element){ .high = 0 });
	else if (!gen_set_key(g, m->place, &places, &t))
		gen_list(g, m->place, p, &places, &t);
	if (m->by_port && (!m->by_place || random_chance(&g->random, 70))) {
		if (m->by_place)
			text_add(&t, " port ");
		gen_list(g, m->port, p, &ports, &t);
	} else {
		push(g, &ports, any);
	}
	if (!all_clash_free(m, &places, &ports))
		return;
	take_keys(g, m, &places, &ports);
	m->nentries++;
	kinds = kinds_of(&places) & m->map->asked;
	text_add(&t, " -> ");
	if (packet_kind(p) & kinds && random_chance(&g->random, 60))
		gen_chain(g, &t, packet_kind(p), kinds);
	else
		gen_verdict(g, &t, kinds ? kinds : KIND_ALL, p, false);
	text_addf(&m->text, "\t%s\n", text_done(&t));
}

static void gen_standard(struct gen *g, struct map_text *m)
{
	const struct packet *p = &m->map->witnesses[0];

	if (m->standard)
		return;
	m->standard = true;
	text_add(&m->text, "\tdefault -> ");
	gen_verdict(g, &m->text, m->map->asked, p, false);
	text_add(&m->text, "\n");
}

static void gen_shape(struct gen *g, struct map_text *m)
{
	static const char *const words[] = {
		[USE_TO] = "to", [USE_FROM] = "from", [USE_PORT] = "port",
		[USE_FROM_PORT] = "from port", [USE_ON] = "on",
	};
	uint32_t what = 1 + random_below(&g->random, 3);
	const char *place, *port;

	m->by_place = what & 1;
	m->by_port = what & 2;
	m->place = random_chance(&g->random, 20) ? USE_ON :
		random_chance(&g->random, 65) ? USE_TO : USE_FROM;
	m->port = random_chance(&g->random, 75) ? USE_PORT : USE_FROM_PORT;
	place = words[m->place];
	port = words[m->port];
	text_addf(&m->text, "map %s by ", m->map->name);
	if (what == 3 && random_chance(&g->random, 35))
		text_addf(&m->text, "%s, %s", port, place);
	else if (what == 3)
		text_addf(&m->text, "%s, %s", place, port);
	else
		text_add(&m->text, what == 1 ? place : port);
	text_add(&m->text, " {\n");
}

static void gen_map(struct gen *g, struct gen_map *map)
{
	struct map_text m = { .map = map, .text = { .arena = g->arena } };
	uint32_t more = random_below(&g->random, 8);
	size_t i;

	gen_shape(g, &m);
	for (i = 0; i < map->nwitnesses && i < 6; i++)
		gen_entry(g, &m, &map->witnesses[i]);
	while (more--) {
		struct packet p = gen_packet(g);

		gen_entry(g, &m, &p);
		if (random_chance(&g->random, 10))
			gen_standard(g, &m);
	}
	if (map->needs_default || random_chance(&g->random, 30))
		gen_standard(g, &m);
	text_add(&m.text, "}");
	*arena_push(g->arena, g->items, g->nitems, g->items_cap) =
		text_done(&m.text);
}

void gen_maps(struct gen *g)
{
	size_t i;

	for (i = 0; i < g->nmaps; i++)
		gen_map(g, &g->maps[i]);
}
