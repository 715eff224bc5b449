/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_hosts - hosts that a program looks up before its trees
 *
 * In: code that hashes words of the packet, reads a record where the hash says,
 * goes on only if these words are those of the record, and then reads what is
 * done with the port. Out: whether that is what the rules say. A packet that
 * comes so far is of the hosts of some record: so each record is asked about to
 * which the hash of its words leads. Words, protocol and port are met with the
 * rules as if the records were a tree over them (TO_HOSTS). All other packets go
 * on, and so may those of records: the trees are proved for all packets, by all rules
 * but those of which no packet goes on (hosts_answer).
 */
#include <stdlib.h>
#include <string.h>

#include "prove_hosts.h"

/* Levels of targets: what is asked for next; below them a word. */
enum { FAMILY = 0xff, PROTOCOL = 0xfe };

/* ------------------------------------------------------------ the records */

static void read_lanes(const struct records *r, const uint8_t *record,
		       uint64_t *lanes)
{
	memcpy(lanes, record + records_lanes(r),
	       records_nlanes(r) * sizeof(*lanes));
}

/* What find_cell() does, with the protocol (0: TCP, 1: UDP). */
static uint32_t value_at(const struct records *r, const uint8_t *record,
			 uint32_t protocol, uint32_t port)
{
	uint64_t x = ((uint64_t)port + (uint64_t)protocol * PORTS + 1) * ONES;
	uint64_t lanes[LANES_MAX], sum = 0;
	uint16_t done;

	read_lanes(r, record, lanes);
	for (uint32_t i = 0; i < records_nlanes(r); i++)
		sum += (lanes[i] - x) & ONES << MARK;
	memcpy(&done, record + records_done(r) + (sum * ONES >> CELL),
	       sizeof(done));
	return done;
}

/*
 * The last port from PORT on with which the same is done: where each lane has
 * its mark, none borrows from the next one, and a mark goes where its cut is.
 */
static uint32_t same_until(const struct records *r, const uint8_t *record,
			   uint32_t protocol, uint32_t port)
{
	uint32_t x = port + protocol * PORTS, end = (protocol + 1) * PORTS;
	uint64_t lanes[LANES_MAX];

	read_lanes(r, record, lanes);
	for (uint32_t i = 0; i < LANES_OF_64 * records_nlanes(r); i++) {
		uint64_t lane = lanes[i / LANES_OF_64] >>
			LANE_BITS * (i % LANES_OF_64);
		uint32_t cut = lane & ((1 << MARK) - 1);

		if (!(lane >> MARK & 1))
			return port;
		if (cut > x && cut < end)
			end = cut;
	}
	return end - 1 - protocol * PORTS;
}

static void read_record(const struct prove *p, const struct records *r,
			uint32_t place, struct record *out)
{
	uint32_t n = 0;

	out->bytes = p->image->rodata + r->offset +
		((size_t)place << r->size_log);
	for (uint32_t i = 0; i < r->npairs; i++) {
		uint64_t pair;

		memcpy(&pair, out->bytes + 8 * i, 8);
		if (r->paired[i])
			out->word[n++] = __builtin_bswap32(
				(uint32_t)(pair >> 32));
		out->word[n++] = __builtin_bswap32((uint32_t)pair);
	}
}

/* Whether a packet can be of it: its hash leads here, and where one word is in a
 * register, the upper half is 0. */
static bool is_possible(const struct prove *p, const struct records *r,
			uint32_t place, const struct record *x)
{
	uint64_t hash = 0, pair, start;
	uint16_t number;

	for (uint32_t i = 0; i < r->npairs; i++) {
		memcpy(&pair, x->bytes + 8 * i, 8);
		if (!r->paired[i] && pair >> 32)
			return false;
	}
	for (uint32_t i = 0; i < r->nwords; i++)
		hash += r->factors[i] * __builtin_bswap32(x->word[i]);
	memcpy(&number, p->image->rodata + r->numbers +
	       2 * (hash >> (64 - r->log)), 2);
	start = (hash << r->log >> 32) * r->nplaces >> 32;
	return start - r->back + (uint64_t)number * r->step == place;
}

static const struct target left = { .kind = TO_LEFT };

/* What is done with VALUE. */
static struct target end_of(const struct prove_hosts *h, uint32_t value)
{
	if (value < h->special)
		return (struct target){ .kind = TO_DECIDE, .pc = h->decide,
					.value = value };
	if (value == h->ask)
		return left;
	return (struct target){ .kind = TO_EXIT, .value = value == h->leave ?
				h->verdict : h->other_verdict };
}

/* Whether anything is done with packets of PROTOCOL. */
static bool says(const struct prove_hosts *h, const struct records *r,
		 const struct record *x, uint32_t protocol)
{
	uint32_t port = 0;

	while (port < PORTS && end_of(h, value_at(r, x->bytes, protocol,
						  port)).kind == TO_LEFT)
		port = same_until(r, x->bytes, protocol, port) + 1;
	return port < PORTS;
}

static int by_words(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	for (int i = 0; i < WORDS_MAX; i++)
		if (x->word[i] != y->word[i])
			return x->word[i] < y->word[i] ? -1 : 1;
	return 0;
}

static void read_records(struct prove *p, struct records *r, uint32_t protocol)
{
	struct record *v = arena_array(p->a, r->nplaces, sizeof(*v));

	r->n = 0;
	for (uint32_t i = 0; i < r->nplaces; i++) {
		read_record(p, r, i, &v[r->n]);
		r->n += is_possible(p, r, i, &v[r->n]) &&
			says(p->hosts, r, &v[r->n], protocol);
	}
	qsort(v, r->n, sizeof(*v), by_words);
	r->v = v;
}

/* ------------------------------------------------------ terms without a tree */

/* The records of all that hosts can be of, of any protocol. */
static void list_records(struct prove *p, struct records *r)
{
	r->all = arena_array(p->a, r->nplaces + 1, sizeof(*r->all));
	for (uint32_t i = 0; i < r->nplaces; i++) {
		read_record(p, r, i, &r->all[r->nall]);
		r->nall += is_possible(p, r, i, &r->all[r->nall]);
	}
	qsort(r->all, r->nall, sizeof(*r->all), by_words);
}

/* The record that all packets of T are of, or NULL. There is but one, as there is
 * but one place for a hash. */
static const struct record *record_of(struct prove *p, struct records *r,
				      const struct term *t)
{
	struct record key = { .bytes = NULL };

	for (uint32_t i = 0; i < r->nwords; i++) {
		const struct prove_word_info *w = &prove_words[r->words[i]];
		const struct iset *s = t->set[w->field];

		if (!s || s->n != 1 || s->v[0].low != s->v[0].high)
			return NULL;
		key.word[i] = (uint32_t)(s->v[0].low >> w->shift);
	}
	if (!r->all)
		list_records(p, r);
	return bsearch(&key, r->all, r->nall, sizeof(key), by_words);
}

/* The box becomes the packets of PORT if they go on. */
static bool is_ended(struct prove *p, const struct records *r,
		     const struct record *x, uint32_t protocol, struct range port)
{
	for (uint64_t at = port.low; at <= port.high;) {
		uint32_t from = (uint32_t)at;
		uint32_t to = same_until(r, x->bytes, protocol, from);
		struct target end = end_of(p->hosts,
			value_at(r, x->bytes, protocol, from));

		p->box[PW_PROTOCOL] = (struct range){ protocol, protocol };
		p->box[PW_LPORT] = (struct range){ from,
			to < port.high ? to : port.high };
		if (end.kind == TO_LEFT)
			return false;
		at = (uint64_t)to + 1;
	}
	return true;
}

static bool are_ended(struct prove *p, const struct records *r,
		      const struct record *x, const struct term *t)
{
	static const struct interval any = { 0, PORTS - 1 };
	const struct iset *protocols = t->set[FIELD_PROTOCOL];
	const struct iset *ports = t->set[FIELD_LPORT];
	const struct interval *v = ports ? ports->v : &any;

	for (uint32_t k = 0; k < 2; k++)
		for (size_t i = 0; i < (ports ? ports->n : 1); i++) {
			struct range port = { (uint32_t)v[i].low,
					      (uint32_t)v[i].high };

			if ((!protocols || iset_contains(protocols, k)) &&
			    !is_ended(p, r, x, k, port))
				return false;
		}
	return true;
}

/* The box becomes all packets of T, if that is one host: its lowest otherwise. */
static void box_of(struct prove *p, const struct term *t)
{
	for (uint32_t w = 0; w < PW_COUNT; w++) {
		const struct iset *s = t->set[prove_words[w].field];
		unsigned int shift = prove_words[w].shift;

		if (s && s->n)
			p->box[w] = (struct range){
				(uint32_t)(s->v[0].low >> shift),
				(uint32_t)(s->v[0].high >> shift) };
	}
}

bool hosts_answer(struct prove *p, const struct term *t)
{
	const struct iset *family = t->set[FIELD_FAMILY];

	prove_whole(p);
	box_of(p, t);
	/* tables of products have all IPv4 packets before hosts are looked up */
	for (uint32_t f = p->products ? 1 : 0; p->hosts && f < 2; f++) {
		struct records *r = &p->hosts->of[f];
		const struct record *x;

		if (!r->npairs || !family || iset_contains(family, !f))
			continue;
		x = record_of(p, r, t);
		if (x && are_ended(p, r, x, t))
			return true;
	}
	return false;
}

/* ---------------------------------------------------------------- the walk */

/* Records BEGIN to END of FAMILY, of which the words before LEVEL are known. */
static struct target records_at(uint32_t family, uint32_t level,
				uint32_t begin, uint32_t end)
{
	return (struct target){ TO_HOSTS, level, begin, family, end };
}

static bool visit_families(struct prove *p, struct target at, uint32_t node)
{
	struct stretch s = { .word = PW_FAMILY };

	for (uint32_t f = 0; f < 2; f++)
		run_add_piece(p, &s, f, f, p->hosts->of[f].npairs ?
			  records_at(f, PROTOCOL, 0, 0) : left);
	return prove_meet(p, at, node, &s);
}

/* One after the other: records are read for each. */
static bool visit_protocols(struct prove *p, struct target at, uint32_t node)
{
	struct records *r = &p->hosts->of[at.kept];
	struct range *b = &p->box[PW_PROTOCOL], old = *b;

	for (uint32_t k = 0; k < 2; k++) {
		struct stretch s = { .word = PW_PROTOCOL };

		read_records(p, r, k);
		if (!r->n)
			continue;
		*b = (struct range){ k, k };
		run_add_piece(p, &s, k, k, records_at(at.kept, 0, 0, r->n));
		if (!prove_meet(p, at, node, &s))
			return false;
		*b = old;
	}
	return true;
}

/* By the word AT.PC, which the records have in rising order. */
static bool visit_words(struct prove *p, struct target at, uint32_t node)
{
	const struct records *r = &p->hosts->of[at.kept];
	struct stretch s = { .word = r->words[at.pc] };
	uint64_t from = 0;

	for (uint32_t i = at.value, end; i < at.row; i = end) {
		uint32_t v = r->v[i].word[at.pc];

		for (end = i + 1; end < at.row &&
		     r->v[end].word[at.pc] == v;)
			end++;
		if (from < v)
			run_add_piece(p, &s, from, v - 1, left);
		run_add_piece(p, &s, v, v,
			  records_at(at.kept, at.pc + 1, i, end));
		from = (uint64_t)v + 1;
	}
	if (from <= UINT32_MAX)
		run_add_piece(p, &s, from, UINT32_MAX, left);
	return prove_meet(p, at, node, &s);
}

/* Each range by itself: rules of other ports need not be sorted then. */
static bool visit_range(struct prove *p, struct target at, uint32_t node,
			struct range r, struct target to)
{
	struct range *b = &p->box[PW_LPORT], old = *b;
	struct stretch s = { .word = PW_LPORT };

	if (to.kind == TO_LEFT)
		return true;
	run_add_piece(p, &s, r.low, r.high, to);
	*b = r;
	if (!prove_meet(p, at, node, &s))
		return false;
	*b = old;
	return true;
}

static bool visit_ports(struct prove *p, struct target at, uint32_t node,
			const uint8_t *record)
{
	const struct records *r = &p->hosts->of[at.kept];
	uint32_t protocol = p->box[PW_PROTOCOL].low, from = 0;

	while (from < PORTS) {
		uint32_t to = same_until(r, record, protocol, from);
		struct target end = end_of(p->hosts,
			value_at(r, record, protocol, from));

		if (!visit_range(p, at, node, (struct range){ from, to }, end))
			return false;
		from = to + 1;
	}
	return true;
}

bool hosts_visit(struct prove *p, struct target at, uint32_t node)
{
	const struct records *r = &p->hosts->of[at.kept];

	if (at.pc == FAMILY)
		return visit_families(p, at, node);
	if (at.pc == PROTOCOL)
		return visit_protocols(p, at, node);
	if (at.pc < r->nwords)
		return visit_words(p, at, node);
	/* more than one has the same words only where some were changed */
	for (uint32_t i = at.value; i < at.row; i++)
		if (!visit_ports(p, at, node, r->v[i].bytes))
			return false;
	return true;
}

/* Whether it is hosts that are looked up at M: the family is asked for, and no tree
 * loads into r2. */
static bool begins(const struct matcher *m)
{
	const struct image *image = m->p->image;
	const struct bpf_insn *i = &image->insns[m->pc];

	return m->pc + 2 < image->ninsns &&
		i[0].code == (BPF_LDX | BPF_MEM | BPF_W) &&
		i[0].off == prove_words[PW_FAMILY].offset &&
		i[2].code == (BPF_LDX | BPF_MEM | BPF_W) &&
		i[2].dst_reg == KEY && i[2].src_reg == 6;
}

bool hosts_proved(struct prove *p, uint32_t *pc)
{
	struct matcher m = { p, *pc };
	struct target root = records_at(0, FAMILY, 0, 0);
	uint32_t others;

	if (!begins(&m))
		return true;
	p->hosts = arena_alloc(p->a, sizeof(*p->hosts));
	if (!hosts_read(&m, &others)) {
		p->why_pc = m.pc;
		return prove_fail(p, arena_printf(p->a,
			"instruction %u: not how hosts are looked up", m.pc));
	}
	*pc = others;
	return prove_walk(p, root, rule_root(p));
}
