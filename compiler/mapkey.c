/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mapkey - a map's entries to keys
 *
 * In: a map as written. Out: its keys with their ranks, and its verdicts,
 * equal ones once. A rank is a key's specificity, whatever the order of `by`:
 * the longest prefix (or an interface name, before an interface number), on a
 * tie the narrowest port range; the lowest rank goes first.
 *
 * An entry has one list of elements before `port` and one after it, so a
 * map can have one key of {to, from, on} and one of {port, from port}.
 */
#include "mapkey.h"

#include "../grammar/print.h"

static const char *const key_name[] = {
	[AST_KEY_TO] = "to", [AST_KEY_FROM] = "from", [AST_KEY_PORT] = "port",
	[AST_KEY_FROM_PORT] = "from port", [AST_KEY_ON] = "on",
};

static bool say_shape(struct mapper *k, uint8_t x, uint8_t y)
{
	const struct ast_map *map = k->m->ast;
	struct diag *d;

	d = diag_add(k->r->d, DIAG_KIND_MISMATCH, &map->name.place,
		     "a map cannot have both a `%s` and a `%s` key",
		     key_name[x], key_name[y]);
	d->label = arena_printf(k->r->a, "an entry has one list for both");
	d->help = "use a map for each, in rules of their own";
	return false;
}

bool mapkey_shape(struct mapper *k)
{
	const struct ast_key_list *keys = &k->m->ast->keys;
	struct shape *s = &k->shape;
	size_t i;

	for (i = 0; i < keys->n; i++) {
		uint8_t key = keys->v[i];
		bool port = key == AST_KEY_PORT || key == AST_KEY_FROM_PORT;

		if (port && s->has_port)
			return say_shape(k, s->port, key);
		if (!port && s->has_first)
			return say_shape(k, s->first, key);
		if (port) {
			s->has_port = true;
			s->port = key;
		} else {
			s->has_first = true;
			s->first = key;
		}
	}
	s->use = !s->has_first ? USE_PORT :
		s->first == AST_KEY_ON ? USE_ON : USE_ADDRESS;
	return true;
}

/* ------------------------------------------------- reading entries */

static void say_key(struct mapper *k, const struct ast_element *e,
		    const struct ast_element *written)
{
	struct diag *d;

	d = diag_add(k->r->d, DIAG_KIND_MISMATCH, &e->place,
		     "`%s` is a range, and cannot be a key",
		     print_element(k->r->a, e));
	d->label = "a range";
	d->help = k->shape.use == USE_ON ? "write every index of it" :
		"write the prefixes it is made of";
	if (e == written)
		return;
	d->also.place = written->place;
	d->also.text = "used as a key here";
}

typedef bool take_key(struct mapper *k, const struct ast_element *e,
		      const struct ast_element *written);

/*
 * Hands every element of LIST to TAKE; for a named set, its members one by
 * one, each set once. With a stack of its own: sets nest as deep as the user
 * likes.
 */
static bool each_key(struct mapper *k, const struct ast_elements *list,
		     enum set_use use, take_key *take)
{
	const struct ast_element *written = NULL;
	bool good = true;
	size_t n = 0;

	k->r->stamp++;
	*arena_push(k->r->a, k->stack, n, k->stack_cap) =
		(struct mapkey_frame){ list, 0 };
	while (n && !diag_full(k->r->d)) {
		struct mapkey_frame *top = &k->stack[n - 1];
		const struct ast_element *e;
		struct set_info *s;

		if (top->next == top->list->n) {
			n--;
			continue;
		}
		e = &top->list->v[top->next++];
		if (n == 1)
			written = e;
		if (e->kind != AST_NAME_REF) {
			good &= set_check_element(k->r, e, use) &&
				take(k, e, written);
			continue;
		}
		s = set_find(k->r, e->text, &e->place, use);
		if (!s)
			good = false;
		else if (s->stamp != k->r->stamp)
			*arena_push(k->r->a, k->stack, n, k->stack_cap) =
				(struct mapkey_frame){ &s->ast->elements, 0 };
		if (s)
			s->stamp = k->r->stamp;
	}
	return good;
}

static bool take_port(struct mapper *k, const struct ast_element *e,
		      const struct ast_element *written)
{
	(void)written;
	*arena_push(k->r->a, k->ports, k->nports, k->ports_cap) =
		(struct ports){ e->low, e->high };
	return true;
}

/* Lower is more specific. Names go before numbers: a packet may fit both. */
static uint32_t first_rank(const struct ast_element *e)
{
	if (e->kind == AST_STRING)
		return 0;
	if (e->kind == AST_NUMBER)
		return 1;
	if (e->kind == AST_PREFIX)
		return (e->family == 4 ? 32 : 128) - e->length;
	return 0;
}

static uint64_t rank(uint32_t first, struct ports p)
{
	return (uint64_t)first << 32 | (uint32_t)(p.high - p.low);
}

/* KEY with each of the entry's ports. */
static void push_keys(struct mapper *k, struct mapkey key, uint32_t first)
{
	size_t i;

	for (i = 0; i < k->nports; i++) {
		key.port_low = k->ports[i].low;
		key.port_high = k->ports[i].high;
		key.rank = rank(first, k->ports[i]);
		*arena_push(k->r->a, k->keys, k->nkeys, k->keys_cap) = key;
	}
}

static bool take_first(struct mapper *k, const struct ast_element *e,
		       const struct ast_element *written)
{
	struct mapkey key = { .low = e->low, .high = e->high,
			      .element = written };
	uint32_t id;

	if (e->kind != AST_PREFIX && e->kind != AST_STRING &&
	    e->low != e->high) {
		say_key(k, e, written);
		return false;
	}
	key.space = e->family == 4 ? SPACE_IP4 : e->family == 6 ? SPACE_IP6 :
		SPACE_INDEX;
	if (e->kind == AST_STRING) {
		id = name_interface(k->r, e);
		if (!id)
			return false;
		key.space = SPACE_NAME;
		key.low = key.high = id;
	}
	if (e == written)
		mapped_note(&k->mapped, e);
	push_keys(k, key, first_rank(e));
	return true;
}

static bool say_no_port(struct mapper *k, const struct ast_element *e)
{
	struct diag *d;

	d = diag_add(k->r->d, DIAG_KIND_MISMATCH, &e->place,
		     "the map `%s` has no port key to go with `%s`",
		     k->m->ast->name.text, key_name[k->m->ast->keys.v[0]]);
	d->label = "no key takes this";
	d->also.place = k->m->ast->name.place;
	d->also.text = "the keys of the map";
	if (k->shape.has_first)
		d->help = arena_printf(k->r->a, "write `map %s by %s, port`",
				       k->m->ast->name.text,
				       key_name[k->shape.first]);
	return false;
}

static bool read_keys(struct mapper *k, const struct ast_entry *e)
{
	struct mapkey none = { .space = SPACE_NONE, .element = e->keys.v };
	const struct ast_elements *ports;

	k->nports = 0;
	if (e->ports.n && (!k->shape.has_port || !k->shape.has_first))
		return say_no_port(k, &e->ports.v[0]);
	ports = k->shape.has_first ? &e->ports : &e->keys;
	if (!each_key(k, ports, USE_PORT, take_port))
		return false;
	if (!k->shape.has_first) {
		push_keys(k, none, 0);
		return true;
	}
	if (!e->ports.n)	/* a missing port means any */
		*arena_push(k->r->a, k->ports, k->nports, k->ports_cap) =
			(struct ports){ 0, UINT16_MAX };
	return each_key(k, &e->keys, k->shape.use, take_first);
}

/* The number of V among the map's verdicts; each split is its own. */
static uint32_t intern_verdict(struct mapper *k, struct rverdict *v)
{
	struct map_info *m = k->m;
	uint32_t next = m->nverdicts, i;
	struct resolver *r = k->r;

	if (!v->shares) {
		r->nwords = 0;
		*arena_push(r->a, r->words, r->nwords, r->words_cap) = v->pass;
		for (i = 0; i < v->nsteps; i++) {
			*arena_push(r->a, r->words, r->nwords, r->words_cap) =
				v->steps[i].socket;
			*arena_push(r->a, r->words, r->nwords, r->words_cap) =
				v->steps[i].flags;
		}
		i = symtab_add(r->a, &k->verdicts, r->words,
			       r->nwords * sizeof(*r->words), next);
		if (i != next)
			return i;
	}
	verdict_keep(r, v);
	*arena_push(r->a, m->verdicts, m->nverdicts, m->verdicts_cap) = *v;
	return next;
}

static bool read_default(struct mapper *k, const struct ast_entry *e,
			 uint32_t verdict)
{
	struct diag *d;

	if (!k->standard) {
		k->standard = e;
		k->standard_verdict = verdict;
		return true;
	}
	d = diag_add(k->r->d, DIAG_DUPLICATE_KEY, &e->place,
		     "the map `%s` has a second `default`",
		     k->m->ast->name.text);
	d->label = "the second";
	d->also.place = k->standard->place;
	d->also.text = "the first";
	return false;
}

static uint8_t keys_kinds(const struct mapper *k, size_t begin)
{
	enum { IP4 = 1 << SLOT_TCP4 | 1 << SLOT_UDP4, IP6 = IP4 << 1 };
	uint8_t mask = 0;

	for (; begin < k->nkeys; begin++) {
		uint8_t space = k->keys[begin].space;

		mask |= space == SPACE_IP4 ? IP4 : space == SPACE_IP6 ? IP6 :
			KINDS_ALL;
	}
	return mask;
}

static void read_entry(struct mapper *k, size_t i)
{
	const struct ast_entry *e = &k->m->ast->entries[i];
	size_t begin = k->nkeys;
	struct rverdict v;
	uint32_t verdict;

	verdict_read(k->r, &e->verdict, &v);
	v.entry = e;
	v.map = k->m->ast;
	k->m->bad |= v.bad;
	verdict = intern_verdict(k, &v);
	k->m->entry_verdict[i] = verdict;
	k->m->entry_kinds[i] = KINDS_ALL;
	if (e->is_default) {
		k->m->bad |= !read_default(k, e, verdict);
	} else {
		k->m->bad |= !read_keys(k, e);
		k->m->entry_kinds[i] = keys_kinds(k, begin);
	}
	k->m->served |= k->m->entry_kinds[i] & v.kinds;
	for (; begin < k->nkeys; begin++) {
		k->keys[begin].entry = i;
		k->keys[begin].verdict = verdict;
	}
}

void mapkey_read(struct mapper *k)
{
	struct map_info *m = k->m;
	size_t i, n = m->ast->nentries;

	m->entry_verdict = arena_array(k->r->a, n, sizeof(*m->entry_verdict));
	m->entry_kinds = arena_array(k->r->a, n, sizeof(*m->entry_kinds));
	for (i = 0; i < n && !diag_full(k->r->d); i++)
		read_entry(k, i);
	mapped_say(k->r, &k->mapped);
}
