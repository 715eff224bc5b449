/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_decide - whether the code that tries sockets does what an outcome says
 *
 * In: where it begins, the step in r7, an outcome, a kind of packet. Out: yes
 * or no. That code and skpol_steps are run by the interpreter, cut out of the
 * program, with the step taken from the packet. Each socket of the chain has
 * IMAGE_PLACES places, which are asked for in order: once each is the first
 * that is there, the first that is not refused, with each errno, and the two
 * mixed; and there is each kind of listener to events. Slots have other numbers
 * than compiled, so code that does not ask skpol_slots is found. What happens
 * is a function of step, kind and answers alone: other words of the packet go
 * into events, and are mixed into the step and out again. Of a program with
 * many outcomes only the first are tried with everything.
 */
#include <linux/bpf.h>
#include <string.h>

#include "prove_private.h"

struct decide {
	struct decide *next;
	const struct policy *policy;
	uint32_t pc;
	struct image image;
	struct interp interp;
	struct image_counter before;	/* of the rule's counter */
	uint8_t *rodata[2];		/* with slots numbered low, high */
	bool high;			/* which of them it is */
	uint32_t nrows;			/* that everything was tried with */
};

enum { PROLOGUE = 4, CHAIN_MAX = PROVE_CHAIN,
       ASKED_MAX = CHAIN_MAX * IMAGE_PLACES, ROW_KEY = 0x1a2b3c4d };
enum { TAKEN = PROVE_TAKEN, ABSENT = PROVE_ABSENT };

struct trial {			/* one run, and what happened */
	struct decide *d;
	int16_t answers[ASKED_MAX];	/* place by place */
	uint32_t nanswers;	/* then TAKEN */
	uint32_t asked;
	uint32_t index[ASKED_MAX], flags;
	struct image_listener listener;
	bool full;		/* no room for an event */
	uint32_t nevents;
	struct image_event event;
};

static int answer(const struct trial *t, uint32_t i)
{
	return i < t->nanswers ? t->answers[i] : TAKEN;
}

static bool present(void *ctx, uint32_t index)
{
	struct trial *t = ctx;

	if (t->asked < ASKED_MAX)
		t->index[t->asked] = index;
	return answer(t, t->asked++) != ABSENT;
}

static int assign(void *ctx, uint32_t index, uint64_t flags)
{
	struct trial *t = ctx;
	int err = answer(t, t->asked - 1);

	(void)index;
	if (err == TAKEN)
		t->flags = (uint32_t)flags;
	return err;
}

static void event(void *ctx, const struct image_event *e)
{
	struct trial *t = ctx;

	t->nevents++;
	t->event = *e;
}

/*
 * Backwards; HIGH: numbers that nothing else in .rodata has by chance; else low
 * ones, which counters have, too.
 */
static uint32_t slot_number(const struct image *m, uint32_t slot, bool high)
{
	return (high && m->nslots < IMAGE_SLOTS_MAX / 2 ? IMAGE_SLOTS_MAX :
		m->nslots) - 1 - slot;
}

static uint8_t *number_slots(struct prove *p, const struct image *m, bool high)
{
	uint8_t *rodata = arena_array(p->a, m->rodata_size + 1, 1);

	memcpy(rodata, p->image->rodata, m->rodata_size);
	for (uint32_t i = 0; i < m->nslots; i++) {
		uint32_t to = slot_number(m, i, high);

		if (p->slots + 4 * (size_t)i + 4 <= m->rodata_size)
			memcpy(rodata + p->slots + 4 * (size_t)i, &to, 4);
	}
	return rodata;
}

/* From PC to the end, behind code that takes the step from the packet. */
static void cut_out(struct prove *p, uint32_t pc, struct image *m)
{
	static const struct bpf_insn begin[PROLOGUE] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6,
		  .src_reg = 1 },
		{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 7,
		  .src_reg = 6, .off = 64 },
		{ .code = BPF_ALU | BPF_XOR | BPF_K, .dst_reg = 7,
		  .imm = ROW_KEY },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1 },
	};
	size_t end = run_code_end(p, pc), n = end - pc;

	*m = *p->image;
	m->ninsns = n + PROLOGUE;
	m->insns = arena_array(p->a, m->ninsns, sizeof(*m->insns));
	memcpy(m->insns, begin, sizeof(begin));
	memcpy(m->insns + PROLOGUE, p->image->insns + pc,
	       n * sizeof(*m->insns));
	m->relocs = arena_array(p->a, m->nrelocs + 1, sizeof(*m->relocs));
	m->nrelocs = 0;
	for (size_t i = 0; i < p->image->nrelocs; i++) {
		struct image_reloc r = p->image->relocs[i];

		if (r.insn < pc || r.insn >= end)
			continue;
		r.insn = r.insn - pc + PROLOGUE;
		m->relocs[m->nrelocs++] = r;
	}
}

/* No two fields alike, and of each the next number needs all its bytes. */
#define BEFORE(n) ((uint64_t)(n) << 40 | UINT32_MAX)
const struct image_counter prove_before = {
	BEFORE(1), BEFORE(3), BEFORE(5), BEFORE(7), BEFORE(9), BEFORE(11),
	BEFORE(13), BEFORE(15),
};

static struct decide *decide_at(struct prove *p, uint32_t pc)
{
	struct decide *d;

	for (d = p->decides; d; d = d->next)
		if (d->pc == pc)
			return d;
	d = arena_alloc(p->a, sizeof(*d));
	d->next = p->decides;
	p->decides = d;
	d->pc = pc;
	d->policy = p->policy;
	cut_out(p, pc, &d->image);
	for (int high = 0; high < 2; high++)
		d->rodata[high] = number_slots(p, &d->image, high);
	d->interp = (struct interp){
		.image = &d->image,
		.program = interp_prepare(p->a, &d->image),
		.sockets = { NULL, present, assign },
		.event = event, .jiffies = PROVE_JIFFIES,
	};
	d->interp.counters = arena_array(p->a, d->image.ncounters + 1,
					 sizeof(struct image_counter));
	for (uint32_t i = 0; i < d->image.ncounters; i++)
		d->interp.counters[i] = prove_before;
	d->before = prove_before;
	return d;
}

/* The steps of an outcome that packets of a kind can take. */
struct chain {
	const struct outcome *o;
	const struct policy_rule *rule;
	uint32_t slot[CHAIN_MAX], flags[CHAIN_MAX], n;
};

static bool find_chain(const struct prove *p, uint32_t outcome,
		       uint32_t kind, struct chain *c)
{
	c->o = &p->policy->outcomes[outcome];
	c->rule = &p->policy->rules[c->o->rule];
	c->n = 0;
	for (uint32_t i = 0; i < c->o->nsteps; i++) {
		const struct step *s = &c->o->steps[i];
		uint32_t slot = p->policy->sockets[s->socket].slot[kind];

		if (slot == NO_SLOT)
			continue;
		if (c->n == CHAIN_MAX)
			return false;
		c->slot[c->n] = slot;
		c->flags[c->n++] = s->flags;
	}
	return true;
}

/* The place (or the end) that takes the packet. */
static uint32_t taker(const struct chain *c, const struct trial *t)
{
	uint32_t n = c->n * IMAGE_PLACES, i = 0;

	while (i < n && answer(t, i) != TAKEN)
		i++;
	return i;
}

/* A step that failed: by its last refusal, or because nothing was there. */
static void count_step(const struct trial *t, uint32_t step,
		       struct image_counter *k)
{
	int err = ABSENT;

	for (uint32_t i = 0; i < IMAGE_PLACES; i++)
		if (answer(t, step * IMAGE_PLACES + i) != ABSENT)
			err = answer(t, step * IMAGE_PLACES + i);
	switch (err) {
	case ABSENT: k->missing++; break;
	case -91: k->eprototype++; break;
	case -97: k->eafnosupport++; break;
	case -94: k->esocktnosupport++; break;
	case -17: k->eexist++; break;
	default: k->other++; break;
	}
}

static struct image_counter counted(const struct chain *c,
				    const struct trial *t)
{
	struct image_counter k = t->d->before;

	k.hits++;
	k.last_hit = PROVE_JIFFIES;
	for (uint32_t i = 0; i < taker(c, t) / IMAGE_PLACES; i++)
		count_step(t, i, &k);
	return k;
}

static bool counters_fit(struct decide *d, const struct chain *c,
			 const struct trial *t)
{
	struct image_counter want = counted(c, t), *got;
	bool same;

	if (c->rule->counter == NO_COUNTER)
		return true;
	if (c->rule->counter >= d->image.ncounters - d->image.events)
		return false;
	got = &d->interp.counters[c->rule->counter];
	same = !memcmp(got, &want, sizeof(want));
	*got = d->before;
	return same;
}

static bool same_address(const uint8_t *got, u128 v, bool ip6)
{
	uint8_t want[16] = { 0 };

	for (int i = 0; i < (ip6 ? 16 : 4); i++)
		want[i] = (uint8_t)(v >> (ip6 ? 120 - 8 * i : 24 - 8 * i));
	return !memcmp(got, want, 16);
}

bool prove_sends(const struct policy *p, uint32_t rule, bool full,
		 struct image_listener *l)
{
	bool taken;

	if (!p->rules[rule].trace || !l->every ||
	    (l->rule && l->rule != (uint64_t)rule + 1))
		return false;
	taken = !l->skip;
	l->skip = (taken ? l->every : l->skip) - 1;
	l->lost += taken && full;
	return taken && !full;
}

void prove_listener(uint32_t i, uint32_t rule, struct image_listener *l)
{
	const struct image_listener listeners[PROVE_LISTENERS] = {
		{ .every = 1 },
		{ .every = 0, .rule = (uint64_t)rule + 1 },
		{ .every = 1, .rule = (uint64_t)rule + 1 },
		{ .every = 1, .rule = (uint64_t)rule + 2 },
		{ .every = 1, .rule = rule },
		{ .every = 1, .rule = (uint64_t)1 << 32 | (rule + 1) },
		{ .every = 3, .skip = 2, .lost = 4 },
		{ .every = 3 },
	};

	*l = listeners[i];
}

static bool listener_fits(struct decide *d, const struct image_listener *want)
{
	struct image_listener *got;
	bool same;

	if (!d->image.events)
		return true;
	got = interp_listener(&d->interp);
	same = !memcmp(got, want, sizeof(*got));
	memset(got, 0, sizeof(*got));
	return same;
}

static bool event_fits(struct decide *d, const struct chain *c,
		       const struct trial *t, const struct packet *k)
{
	const struct image_event *e = &t->event;
	uint32_t at = taker(c, t) / IMAGE_PLACES;
	uint32_t slot = at < c->n ? c->slot[at] :
		c->o->pass ? IMAGE_PASS : IMAGE_DROP;
	struct image_listener after = t->listener;
	bool sent = prove_sends(d->policy, c->o->rule, t->full, &after);

	if (!listener_fits(d, &after))
		return false;
	if (!sent)
		return !t->nevents;
	return t->nevents == 1 && e->rule == c->o->rule && e->slot == slot &&
	       e->family == (k->family == 6 ? 10 : 2) &&
	       e->protocol == k->protocol &&
	       e->local_port == k->local_port &&
	       e->remote_port == k->remote_port &&
	       e->ifindex == (d->image.ifindex ? k->ifindex : 0) &&
	       !e->time && !e->unused && !e->unused2 &&
	       same_address(e->local, k->local, k->family == 6) &&
	       same_address(e->remote, k->remote, k->family == 6);
}

/* Place I of the chain, with slots as cut_out() numbers them. */
static uint32_t place_index(const struct decide *d, const struct chain *c,
			    uint32_t i)
{
	return slot_number(&d->image, c->slot[i / IMAGE_PLACES], d->high) +
		i % IMAGE_PLACES * IMAGE_SLOTS_MAX;
}

static bool run_fits(struct decide *d, const struct chain *c,
		     struct trial *t, const struct packet *k)
{
	uint32_t end = c->n * IMAGE_PLACES, at = taker(c, t);
	uint32_t asked = at < end ? at + 1 : end;
	struct interp_result r;

	t->d = d;
	t->asked = t->nevents = t->flags = 0;
	d->interp.sockets.ctx = t;
	d->interp.event_ctx = t;
	d->interp.events_full = t->full;
	if (d->image.events)
		*interp_listener(&d->interp) = t->listener;
	interp_run(&d->interp, k, &r);
	if (!event_fits(d, c, t, k) || !counters_fit(d, c, t))
		return false;
	if (r.trap || t->asked != asked ||
	    r.verdict != (at < end ? 1u : c->o->pass) ||
	    (r.slot != INTERP_NO_SOCKET) != (at < end))
		return false;
	for (uint32_t i = 0; i < asked; i++)
		if (t->index[i] != place_index(d, c, i))
			return false;
	return at == end || t->flags == c->flags[at / IMAGE_PLACES];
}

/* For the places before the first that takes: nothing there, or refused. */
static bool first_takers_fit(struct decide *d, const struct chain *c,
			     struct trial *t, const struct packet *k)
{
	uint32_t end = c->n * IMAGE_PLACES;

	for (t->nanswers = 0; t->nanswers <= end; t->nanswers++) {
		for (uint32_t i = 0; i < t->nanswers; i++)
			t->answers[i] = ABSENT;
		if (!run_fits(d, c, t, k))
			return false;
		for (uint32_t i = 0; i < t->nanswers; i++)
			t->answers[i] = prove_errors[t->nanswers %
							PROVE_ERRORS];
		if (t->nanswers && !run_fits(d, c, t, k))
			return false;
	}
	return true;
}

/* Of one step that fails a place is refused, the others have nothing. */
static bool mixed_step_fits(struct decide *d, const struct chain *c,
			    struct trial *t, const struct packet *k,
			    uint32_t step)
{
	t->nanswers = (step + 1) * IMAGE_PLACES;
	for (uint32_t place = 0; place < IMAGE_PLACES; place++) {
		uint32_t at = step * IMAGE_PLACES + place;

		for (uint32_t i = 0; i < t->nanswers; i++)
			t->answers[i] = ABSENT;
		for (uint32_t e = 0; e < (place ? 1 : PROVE_ERRORS); e++) {
			t->answers[at] = prove_errors[(e + place) %
						     PROVE_ERRORS];
			if (!run_fits(d, c, t, k))
				return false;
		}
	}
	return true;
}

/* Every kind of listener hears what it asked for, and changes nothing. */
static bool listeners_fit(struct decide *d, const struct chain *c,
			  struct trial *t, const struct packet *k)
{
	t->nanswers = 0;
	for (uint32_t i = 1; i < PROVE_LISTENERS; i++) {
		prove_listener(i, c->o->rule, &t->listener);
		if (!run_fits(d, c, t, k))
			return false;
	}
	t->full = true;
	return run_fits(d, c, t, k);
}

/*
 * The code may mix words of the packet into the step and out again: so that
 * each bit of them is 0 once and 1 once where the step has a 1.
 */
static bool addresses_fit(struct decide *d, const struct chain *c,
			  struct trial *t, struct packet k)
{
	const u128 top = k.family == 6 ? ~(u128)0 : UINT32_MAX;
	const u128 local[] = { ~k.local & top, 10, (u128)10 << 24, 0 };

	t->nanswers = 0;
	for (size_t i = 0; i < sizeof(local) / sizeof(*local); i++) {
		k.local = local[i];
		k.remote = ~k.remote & top;
		k.local_port ^= 0xffff;
		k.remote_port ^= 0xffff;
		if (!run_fits(d, c, t, &k))
			return false;
	}
	return true;
}

static bool chain_fits(struct decide *d, const struct chain *c,
		       struct trial *t, const struct packet *k)
{
	if (!first_takers_fit(d, c, t, k))
		return false;
	for (uint32_t i = 0; i < c->n; i++)
		if (!mixed_step_fits(d, c, t, k, i))
			return false;
	return true;
}

/* The rule's counter begins with so much less than prove_before; and slots are
 * numbered in one way or the other. */
static void begin_at(struct decide *d, const struct chain *c, uint64_t less)
{
	uint64_t *v = (uint64_t *)&d->before;

	d->high = !(less & 1);
	d->image.rodata = d->rodata[d->high];
	d->before = prove_before;
	for (size_t i = 0; i < sizeof(d->before) / 8; i++)
		v[i] -= less;
	if (c->rule->counter != NO_COUNTER)
		d->interp.counters[c->rule->counter] = d->before;
}

/*
 * Nothing may hang on what a counter holds: it becomes an even and an odd
 * number, and what registers hold for IMAGE_DROP and IMAGE_PASS.
 */
static bool all_answers_fit(struct decide *d, const struct chain *c,
			    struct trial *t, const struct packet *k)
{
	uint64_t most = c->rule->counter != NO_COUNTER && c->n > 1 ? 2 : 1;

	for (uint64_t less = 0; less <= most; less++) {
		begin_at(d, c, less);
		if (!chain_fits(d, c, t, k))
			return false;
	}
	return addresses_fit(d, c, t, *k) &&
	       (!d->image.events || listeners_fit(d, c, t, k));
}

/*
 * What is different from row to row: which slots are tried in which order, with
 * which flags, what is counted, which event is sent.
 */
static bool row_fits(struct decide *d, const struct chain *c,
		     struct trial *t, const struct packet *k)
{
	begin_at(d, c, 0);
	for (uint32_t step = 0; step <= c->n; step++) {
		t->nanswers = step * IMAGE_PLACES;
		for (uint32_t i = 0; i < t->nanswers; i++)
			t->answers[i] = ABSENT;
		if (!run_fits(d, c, t, k))
			return false;
	}
	for (uint32_t i = 0; i < t->nanswers; i++)
		t->answers[i] = prove_errors[c->o->rule % PROVE_ERRORS];
	begin_at(d, c, 1);
	return run_fits(d, c, t, k);
}

enum { THOROUGH = 256 };	/* rows of one place in the program */

/* Everything for many rows; then the code is known, and rows are looked at. */
static bool all_fits(struct decide *d, const struct chain *c, struct trial *t,
		     const struct packet *k)
{
	uint32_t counter = c->rule->counter;

	if (counter != NO_COUNTER &&
	    (counter >= d->image.ncounters - d->image.events ||
	     memcmp(&d->interp.counters[counter], &prove_before,
		    sizeof(prove_before))))
		return false;
	if (d->nrows == THOROUGH)
		return row_fits(d, c, t, k);
	d->nrows++;
	return all_answers_fit(d, c, t, k);
}

enum { FEW_COUNTERS = 256 };

/*
 * Whether only the rule's counter was touched; of many counters that is asked
 * in the end (decide_clean). Code that does not fit may have touched others.
 */
static bool others_clean(struct decide *d, bool fits)
{
	uint32_t n = d->image.ncounters - d->image.events;

	for (uint32_t i = 0; n <= FEW_COUNTERS && i < n; i++) {
		struct image_counter *c = &d->interp.counters[i];

		fits = fits && !memcmp(c, &prove_before, sizeof(*c));
		*c = prove_before;
	}
	return fits;
}

bool decide_fits(struct prove *p, uint32_t pc, uint32_t row,
		 uint32_t outcome, uint32_t kind)
{
	struct decide *d = decide_at(p, pc);
	bool ip6 = kind & 1;
	struct packet k = {
		.family = ip6 ? 6 : 4,
		.protocol = kind >> 1 ? PACKET_UDP : PACKET_TCP,
		.local_port = 0x1234, .remote_port = 0x5678,
		.local = 0x81a2c3e4, .remote = 0x91b2d3f5,
		.ifindex = row ^ ROW_KEY,
	};
	struct trial t = { .d = d, .listener.every = 1 };
	struct chain c;
	bool fits;

	if (ip6) {
		k.local |= (u128)0x20010db8a1b2c3d4 << 64;
		k.remote |= (u128)0xfe80f1e2d3c4b5a6 << 64 |
			(u128)0x77665544 << 32;
	}
	if (!find_chain(p, outcome, kind, &c))
		return false;
	fits = all_fits(d, &c, &t, &k);
	if (c.rule->counter < d->image.ncounters)
		d->interp.counters[c.rule->counter] = prove_before;
	return others_clean(d, fits);
}

bool decide_clean(const struct prove *p)
{
	uint32_t n = p->image->ncounters - p->image->events;

	for (const struct decide *d = p->decides; d; d = d->next)
		for (uint32_t i = 0; i < n; i++)
			if (memcmp(&d->interp.counters[i], &prove_before,
				   sizeof(prove_before)))
				return false;
	return true;
}
