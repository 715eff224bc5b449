/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove - program and rules, walked together
 *
 * In: an image and its policy. Out: what prove.h says. A state is a place in
 * the program where a word of the packet is loaded, the rules that are still
 * possible there, and what is known of the words that the program may read
 * again; each is visited once. Where a path ends, all rules that are still
 * possible must be of one mind with it; else they are cut further, until one
 * rule is left, and every packet of the box is a witness.
 */
#include "prove.h"

#include <setjmp.h>
#include <string.h>

#include "prove_private.h"

/* --------------------------------------------------------------- tables */

uint64_t prove_hash(uint64_t h, uint64_t v)
{
	h = (h ^ v ^ h >> 29) * 0xbf58476d1ce4e5b9;
	return h ^ h >> 31;
}

static void table_size(struct prove *p, struct table *t, size_t size)
{
	t->v = arena_array(p->a, size, sizeof(*t->v));
	t->size = size;
}

uint32_t *prove_find(struct prove *p, struct table *t, uint64_t hash,
		     table_equal *equal, const void *key)
{
	size_t i;

	if (!t->size)
		table_size(p, t, 256);
	for (i = hash & (t->size - 1); t->v[i]; i = (i + 1) & (t->size - 1))
		if (equal(p, t->v[i], key))
			break;
	return &t->v[i];
}

void prove_added(struct prove *p, struct table *t, table_hash *hash_of)
{
	struct table old = *t;

	if (++t->n * 2 <= t->size)
		return;
	table_size(p, t, old.size * 2);
	for (size_t k = 0; k < old.size; k++) {
		size_t i;

		if (!old.v[k])
			continue;
		i = hash_of(p, old.v[k]) & (t->size - 1);
		while (t->v[i])
			i = (i + 1) & (t->size - 1);
		t->v[i] = old.v[k];
	}
}

bool prove_fail(struct prove *p, const char *why)
{
	if (!p->why)
		p->why = why;
	return false;
}

bool prove_give_up(struct prove *p, const char *why)
{
	p->out->unproved = true;
	return prove_fail(p, why);
}

/* --------------------------------------------------------------- states */

static uint32_t kinds_of(const struct prove *p)
{
	uint32_t mask = 0;

	for (uint32_t f = p->box[PW_FAMILY].low; f <= p->box[PW_FAMILY].high;
	     f++)
		for (uint32_t k = p->box[PW_PROTOCOL].low;
		     k <= p->box[PW_PROTOCOL].high; k++)
			mask |= 1u << SLOT_KIND(f, k);
	return mask;
}

static struct range whole_word(const struct prove *p, uint32_t word)
{
	u128 top = field_highest(prove_words[word].field);

	if (word == PW_IFNAME)
		top = p->policy->ninterfaces;
	return (struct range){ 0, top > UINT32_MAX ? UINT32_MAX :
			       (uint32_t)top };
}

/* A fingerprint of what is known of the words that are read from PC on. */
static uint64_t boxes_of(const struct prove *p, uint32_t pc)
{
	uint64_t h = 0;

	for (uint32_t w = 0; w < PW_COUNT; w++) {
		struct range all = whole_word(p, w), b = p->box[w];

		if (!(p->live[pc] >> w & 1) ||
		    (all.low == b.low && all.high == b.high))
			continue;
		h = prove_hash(h + w + 1, (uint64_t)b.low << 32 | b.high);
	}
	return h;
}

static bool equal_state(const struct prove *p, uint32_t i, const void *key)
{
	const struct state *x = &p->states[i], *y = key;

	return x->node == y->node && x->at.pc == y->at.pc &&
	       x->at.kind == y->at.kind && x->at.value == y->at.value &&
	       x->at.kept == y->at.kept && x->at.row == y->at.row &&
	       x->kinds == y->kinds && x->tree == y->tree &&
	       x->boxes == y->boxes;
}

static uint64_t hash_state(const struct state *s)
{
	uint64_t h = prove_hash(s->node, (uint64_t)s->at.pc << 8 | s->kinds);

	h = prove_hash(h, (uint64_t)s->at.value << 20 | s->at.kept << 3 |
		       s->at.kind);
	h = prove_hash(h, (uint64_t)s->tree << 32 | s->at.row);
	return prove_hash(h, s->boxes);
}

static uint64_t state_hash(const struct prove *p, uint32_t i)
{
	return hash_state(&p->states[i]);
}

/* The number of the state, *NEW when nobody was there before. */
static uint32_t enter(struct prove *p, struct target at, uint32_t node,
		      bool *new)
{
	struct state s = { at, node, kinds_of(p), p->tree.number, 0, true };
	uint32_t *slot, i;

	if (at.kind == TO_BLOCK)
		s.boxes = boxes_of(p, at.pc);
	slot = prove_find(p, &p->state_table, hash_state(&s), equal_state,
			  &s);
	i = *slot;
	*new = !i;
	if (i)
		return i;
	*slot = i = (uint32_t)p->nstates;
	*arena_push(p->a, p->states, p->nstates, p->states_cap) = s;
	prove_added(p, &p->state_table, state_hash);
	return i;
}

/* ----------------------------------------------------------------- walk */

static bool visit(struct prove *p, struct target at, uint32_t node);

/* Ranges of a word that lead to places, met with ranges of the rules. */
struct meeting {
	uint32_t word;
	const struct piece *v;
	size_t n, next;
};

static bool meet(struct prove *p, uint32_t node, struct range r, void *ctx)
{
	struct meeting *m = ctx;

	while (m->next + 1 < m->n && m->v[m->next].high < r.low)
		m->next++;
	for (;; m->next++) {
		const struct piece *x = &m->v[m->next];
		struct range *b = &p->box[m->word];

		p->meetings++;
		b->low = x->low > r.low ? (uint32_t)x->low : r.low;
		b->high = x->high < r.high ? (uint32_t)x->high : r.high;
		if (!visit(p, x->to, node))
			return false;
		if (x->high >= r.high || m->next + 1 == m->n)
			return true;
	}
}

/* One box of the two words of M, as far as it is in the one that is known. */
static bool visit_box(struct prove *p, const struct meeting *m, uint32_t node,
		      struct range high, struct range low)
{
	struct range *b = &p->box[m->word], old[2] = { b[0], b[1] };

	if (low.low < b[1].low)
		low.low = b[1].low;
	if (low.high > b[1].high)
		low.high = b[1].high;
	if (low.low > low.high)
		return true;
	p->meetings++;
	b[0] = high;
	b[1] = low;
	if (!visit(p, m->v[m->next].to, node))
		return false;
	b[0] = old[0];
	b[1] = old[1];
	return true;
}

/* The values LOW to HIGH of two words: at most three boxes. */
static bool visit_span(struct prove *p, const struct meeting *m, uint32_t node,
		       uint64_t low, uint64_t high)
{
	const struct range all = { 0, UINT32_MAX };
	struct range a = { (uint32_t)(low >> 32), (uint32_t)(low >> 32) };
	struct range b = { (uint32_t)(high >> 32), (uint32_t)(high >> 32) };
	uint32_t from = (uint32_t)low, to = (uint32_t)high;

	if (a.low == b.low)
		return visit_box(p, m, node, a, (struct range){ from, to });
	if (!visit_box(p, m, node, a, (struct range){ from, UINT32_MAX }) ||
	    !visit_box(p, m, node, b, (struct range){ 0, to }))
		return false;
	if (a.low + 1 == b.low)
		return true;
	return visit_box(p, m, node,
			 (struct range){ a.low + 1, b.low - 1 }, all);
}

/* The pieces for LOW to HIGH, which NODE is for. */
static bool meet_span(struct prove *p, uint32_t node, struct meeting *m,
		      uint64_t low, uint64_t high)
{
	while (m->next + 1 < m->n && m->v[m->next].high < low)
		m->next++;
	for (;; m->next++) {
		const struct piece *x = &m->v[m->next];

		if (!visit_span(p, m, node, x->low > low ? x->low : low,
				x->high < high ? x->high : high))
			return false;
		if (x->high >= high || m->next + 1 == m->n)
			return true;
	}
}

static bool meet_known(struct prove *p, uint32_t node, struct meeting *m)
{
	const struct range *b = &p->box[m->word];

	return meet_span(p, node, m, (uint64_t)b[0].low << 32 | b[1].low,
			 (uint64_t)b[0].high << 32 | b[1].high);
}

static bool meet_second(struct prove *p, uint32_t node, struct range r,
			void *ctx)
{
	struct meeting *m = ctx;
	uint64_t high = (uint64_t)p->box[m->word].low << 32;
	struct range *b = &p->box[m->word + 1], old = *b;

	*b = r;
	if (!meet_span(p, node, m, high | r.low, high | r.high))
		return false;
	*b = old;
	return true;
}

/* The rules look at the second word only where the first has one value. */
static bool meet_first(struct prove *p, uint32_t node, struct range r,
		       void *ctx)
{
	struct meeting *m = ctx;
	uint32_t word = m->word, field = prove_words[word].field;
	struct range *b = &p->box[word], old = *b;
	bool ok;

	*b = r;
	if (r.low == r.high && rule_is_open(p, node, field) &&
	    rule_next_word(p, node, field) == word + 1)
		ok = rule_sweep(p, node, word + 1, NULL, meet_second, m);
	else
		ok = meet_known(p, node, m);
	if (ok)
		*b = old;
	return ok;
}

/* Whatever is cut by WORD, all of it goes on at AT. */
static bool cut_further(struct prove *p, struct target at, uint32_t node,
			uint32_t field)
{
	uint32_t word = rule_next_word(p, node, field);
	struct piece one = { p->box[word].low, p->box[word].high, at };
	struct meeting m = { word, &one, 1, 0 };

	return rule_sweep(p, node, word, NULL, meet, &m);
}

static bool leaf(struct prove *p, struct target at, uint32_t node)
{
	struct node n = p->nodes[node];
	uint32_t kinds = kinds_of(p), fields, f = 0;
	bool fits = true, new;

	for (uint32_t i = 0; i < n.n && fits; i++) {
		uint32_t deed = p->terms[n.v[i]].deed;

		fits = p->tree.inside ? tree_leaf_fits(p, at, deed) :
			leaf_fits(p, at, deed, kinds);
	}
	if (fits)
		return true;
	fields = p->terms[n.v[0]].fields;
	if (!fields)
		return prove_fail(p, "the rules say something else");
	enter(p, at, node, &new);
	if (!new)
		return true;
	while (!(fields >> f & 1))
		f++;
	return cut_further(p, at, node, f);
}

/* One word of a piece of the program, or two. */
bool prove_meet(struct prove *p, struct target at, uint32_t node,
		const struct stretch *s)
{
	struct meeting m = { s->word, s->v, s->n, 0 };
	const struct pieces all = { s->v, s->n };
	uint32_t field = prove_words[s->word].field, word = PW_NONE;
	struct range old = p->box[s->word];

	if (rule_is_open(p, node, field))
		word = rule_next_word(p, node, field);
	if (word < s->word)
		return cut_further(p, at, node, field);
	if (word == s->word)
		return s->wide ?
			rule_sweep(p, node, word, NULL, meet_first, &m) :
			rule_sweep(p, node, word, at.kind == TO_HOSTS ?
				   &all : NULL, meet, &m);
	if (s->wide && word == s->word + 1)
		return rule_sweep(p, node, word, NULL, meet_second, &m);
	/* no rule looks at it (any more) */
	if (!(s->wide ? meet_known(p, node, &m) : meet(p, node, old, &m)))
		return false;
	p->box[s->word] = old;
	return true;
}

static bool block(struct prove *p, struct target at, uint32_t node)
{
	const struct stretch *s;

	if (p->nstates > PROVE_STATES || p->meetings > PROVE_MEETINGS)
		return prove_give_up(p, "it takes more states than are tried");
	if (at.kind == TO_PRODUCTS)
		return products_visit(p, at, node);
	s = run_stretch(p, at);
	if (s->n == 1)	/* whatever the word is */
		return visit(p, s->v[0].to, node);
	return prove_meet(p, at, node, s);
}

static bool visit(struct prove *p, struct target at, uint32_t node)
{
	uint32_t state;
	bool ok, new;

	if (p->depth == PROVE_DEPTH)
		return prove_give_up(p, "paths are too long");
	if (at.kind == TO_FAULT)
		return prove_fail(p, "code that is not understood");
	if (at.kind == TO_LEFT)
		return true;
	if (at.kind == TO_HOSTS)
		return hosts_visit(p, at, node);
	if (at.kind != TO_BLOCK && at.kind != TO_PRODUCTS)
		return leaf(p, at, node);
	state = enter(p, at, node, &new);
	if (!new && p->states[state].open)
		return prove_fail(p, "the program never ends");
	if (!new)
		return true;
	p->depth++;
	ok = block(p, at, node);
	p->depth--;
	p->states[state].open = false;
	return ok;
}

/* ---------------------------------------------------------------- begin */

static void variables(struct prove *p)
{
	const struct image_variable *v;

	v = image_variable(p->image, "skpol_slots");
	p->slots = v ? v->offset : UINT32_MAX;
	v = image_variable(p->image, "skpol_interfaces");
	p->interfaces = p->interfaces_end = UINT32_MAX;
	if (v) {
		p->interfaces = v->offset;
		p->interfaces_end = v->offset + 4 * p->image->ninterfaces;
	}
}

void prove_whole(struct prove *p)
{
	for (uint32_t w = 0; w < PW_COUNT; w++)
		p->box[w] = whole_word(p, w);
}

bool prove_walk(struct prove *p, struct target at, uint32_t node)
{
	prove_whole(p);
	return visit(p, at, node);
}

/* Each instruction is one, and no kernel refuses it for itself. */
static bool is_program(struct prove *p)
{
	const char *why = interp_refused(interp_prepare(p->a, p->image));

	return !why || prove_fail(p, why);
}

static bool one_diagram(struct prove *p)
{
	struct target start = { .kind = TO_BLOCK };
	struct matcher m = { p, 0 };

	rule_begin(p);
	if (match_context(&m) &&
	    (!products_found(p, &m.pc) || !hosts_proved(p, &m.pc)))
		return false;
	if (p->hosts || p->products)
		start.pc = m.pc;
	if (p->products)
		start = products_begin(p, start);
	return prove_walk(p, start, rule_left(p));
}

static void prove(struct prove *p, struct arena *out)
{
	prove_whole(p);
	(void)arena_push(p->a, p->states, p->nstates, p->states_cap);
	(void)arena_push(p->a, p->compats, p->ncompats, p->compats_cap);
	variables(p);
	run_prepare(p);
	p->out->ok = is_program(p) && (p->forest && p->forest->ntrees ?
				      forest_proved(p) : one_diagram(p)) &&
		keys_are_clean(p) &&
		products_are_clean(p);
	if (p->out->ok && !decide_clean(p)) {
		p->out->ok = false;
		p->why = "a counter is touched that is not the rule's";
	}
	p->out->states = p->nstates;
	if (p->out->ok)
		return;
	p->out->why = arena_strdup(out, p->why ? p->why : "");
	if (!p->out->unproved)
		witness_of_box(p, out);
}

bool prove_image(struct arena *a, const struct policy *policy,
		 const struct image *m, struct prove_result *out)
{
	return prove_forest_image(a, policy, m, NULL, out);
}

bool prove_forest_image(struct arena *a, const struct policy *policy,
			const struct image *m, const struct prove_forest *f,
			struct prove_result *out)
{
	struct arena own;
	jmp_buf exhausted;
	struct prove *p;

	*out = (struct prove_result){ .why = "out of memory" };
	if (!m->ninsns)
		return false;
	arena_init(&own, &exhausted);
	if (!setjmp(exhausted)) {
		p = arena_alloc(&own, sizeof(*p));
		p->a = &own;
		p->policy = policy;
		p->image = m;
		p->forest = f;
		p->out = out;
		prove(p, a);
	} else {
		*out = (struct prove_result){ .why = "out of memory",
					      .no_memory = true };
	}
	arena_free(&own);
	return out->ok;
}
