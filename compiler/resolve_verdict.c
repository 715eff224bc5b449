/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolve_verdict - verdicts to actions
 *
 * In: verdicts as written (maps aside). Out: numbers of actions, equal ones
 * equal. A socket that has no slot for any packet that reaches it is an
 * error: it could only ever be passed over.
 */
#include "resolve.h"

#include <string.h>

#include "../grammar/print.h"

enum { BPF_REPLACE = 1, BPF_NO_REUSEPORT = 2 };	/* BPF_SK_LOOKUP_F_... */

static uint32_t socket_number(struct resolver *r, const struct ast_name *name)
{
	struct symbol *s = name_find(r, SYMBOL_SOCKET, name->text,
				     &name->place, USE_SET);

	return s ? s->index : NO_SLOT;
}

static uint32_t bpf_flags(uint8_t flags)
{
	return (flags & AST_REPLACE ? BPF_REPLACE : 0) |
	       (flags & AST_NO_REUSEPORT ? BPF_NO_REUSEPORT : 0);
}

static uint8_t socket_kinds(const struct policy_socket *s)
{
	uint8_t mask = 0;
	unsigned int k;

	for (k = 0; k < SLOT_KINDS; k++)
		if (s->slot[k] != NO_SLOT)
			mask |= 1u << k;
	return mask;
}

static void read_steps(struct resolver *r, const struct ast_verdict *v,
		       struct rverdict *out)
{
	size_t i;

	r->nsteps = 0;
	for (i = 0; i < v->nchain; i++) {
		uint32_t s = socket_number(r, &v->chain[i].socket);
		struct step *t;

		if (s == NO_SLOT) {
			out->bad = true;
			continue;
		}
		t = arena_push(r->a, r->steps, r->nsteps, r->steps_cap);
		t->socket = s;
		t->flags = bpf_flags(v->chain[i].flags);
		out->kinds |= socket_kinds(&r->p->sockets[s]);
	}
	out->steps = r->steps;
	out->nsteps = r->nsteps;
}

static void say_sum(struct resolver *r, const struct ast_verdict *v,
		    uint64_t sum)
{
	char *digits = arena_printf(r->a, "%llu.%04llu",
				    (unsigned long long)(sum / 10000),
				    (unsigned long long)(sum % 10000));
	char *end = digits + strlen(digits);
	struct diag *d;

	while (end[-1] == '0')
		*--end = '\0';
	if (end[-1] == '.')
		*--end = '\0';
	d = diag_add(r->d, DIAG_SPLIT_SUM, &v->place,
		     "the shares add up to %s %%, and not to 100 %%", digits);
	d->label = sum < 1000000 ? "too little" : "too much";
}

static void read_shares(struct resolver *r, const struct ast_verdict *v,
			struct rverdict *out)
{
	uint64_t sum = 0;
	size_t i;

	out->shares = arena_array(r->a, v->nshares, sizeof(*out->shares));
	for (i = 0; i < v->nshares; i++) {
		uint32_t s = socket_number(r, &v->shares[i].socket);

		out->shares[i] = s;
		sum += v->shares[i].parts;
		if (s == NO_SLOT)
			out->bad = true;
		else
			out->kinds |= socket_kinds(&r->p->sockets[s]);
	}
	if (sum == 1000000)
		return;
	say_sum(r, v, sum);
	out->bad = true;
}

void verdict_read(struct resolver *r, const struct ast_verdict *v,
		  struct rverdict *out)
{
	*out = (struct rverdict){ .ast = v };
	switch ((enum ast_verdict_kind)v->kind) {
	case AST_PASS:
	case AST_DROP:
		out->pass = v->kind == AST_PASS;
		out->kinds = KINDS_ALL;
		break;
	case AST_CHAIN:
	case AST_SPLIT:
		read_steps(r, v, out);
		out->pass = v->tail == AST_PASS && v->tail_said;
		if (v->kind == AST_SPLIT)
			read_shares(r, v, out);
		break;
	case AST_MAP:	/* of a map there is one a clause, not one verdict */
		out->bad = true;
		break;
	}
}

void verdict_keep(struct resolver *r, struct rverdict *v)
{
	struct step *s = arena_array(r->a, v->nsteps, sizeof(*s));

	if (v->nsteps)
		memcpy(s, v->steps, v->nsteps * sizeof(*s));
	v->steps = s;
}

static void word(struct resolver *r, uint32_t w)
{
	*arena_push(r->a, r->words, r->nwords, r->words_cap) = w;
}

/* Outcome of RULE: FIRST (NULL = none), then the steps of V. */
static uint32_t intern_outcome(struct resolver *r, uint32_t rule,
			       const struct step *first,
			       const struct rverdict *v)
{
	uint32_t next = r->p->noutcomes, i, n = !!first + v->nsteps;
	struct outcome *o;
	struct step *steps;

	r->nwords = 0;
	word(r, rule);
	word(r, v->pass);
	if (first) {
		word(r, first->socket);
		word(r, first->flags);
	}
	for (i = 0; i < v->nsteps; i++) {
		word(r, v->steps[i].socket);
		word(r, v->steps[i].flags);
	}
	i = symtab_add(r->a, &r->outcomes, r->words,
		       r->nwords * sizeof(*r->words), next);
	if (i != next)
		return i;
	o = arena_push(r->a, r->p->outcomes, r->p->noutcomes, r->outcomes_cap);
	steps = arena_array(r->a, n, sizeof(*steps));
	if (n)
		memcpy(steps, r->words + 2, n * sizeof(*steps));
	*o = (struct outcome){ rule, steps, n, v->pass };
	if (n > r->p->longest_chain)
		r->p->longest_chain = n;
	return next;
}

/* The identity of a split: its rule's, and in a map the key of its entry. */
static uint64_t seed(struct resolver *r, uint32_t rule,
		     const struct rverdict *v)
{
	const char *name = r->p->rules[rule].name, *arrow;
	char *text;

	if (!v->entry)
		return split_seed(name, strlen(name));
	text = print_entry(r->a, v->map, v->entry);
	arrow = strstr(text, " -> ");
	text = arena_printf(r->a, "%s\n%.*s", name,
			    arrow ? (int)(arrow - text) : (int)strlen(text),
			    text);
	return split_seed(text, strlen(text));
}

static const struct split *make_split(struct resolver *r, uint32_t rule,
				      const struct rverdict *v)
{
	const struct ast_verdict *ast = v->ast;
	struct split *s = arena_alloc(r->a, sizeof(*s));
	uint32_t *parts = arena_array(r->a, ast->nshares, sizeof(*parts));
	uint32_t *starts, *outcomes;
	struct split_part *part;
	size_t i;

	for (i = 0; i < ast->nshares; i++)
		parts[i] = ast->shares[i].parts;
	part = split_parts(r->a, parts, ast->nshares, &s->nparts);
	starts = arena_array(r->a, s->nparts, sizeof(*starts));
	outcomes = arena_array(r->a, s->nparts, sizeof(*outcomes));
	for (i = 0; i < s->nparts; i++) {
		struct step first = { v->shares[part[i].share], 0 };

		starts[i] = part[i].start;
		outcomes[i] = intern_outcome(r, rule, &first, v);
	}
	s->starts = starts;
	s->outcomes = outcomes;
	s->seed = seed(r, rule, v);
	s->nkeys = ast->keys.n;
	for (i = 0; i < s->nkeys; i++)
		s->keys[i] = ast->keys.v[i];
	return s;
}

uint32_t verdict_action(struct resolver *r, uint32_t rule,
			const struct rverdict *v)
{
	uint32_t key[2] = { rule, 0 }, next = r->p->nactions, i = next;
	const struct split *split = NULL;

	if (v->shares) {
		split = make_split(r, rule, v);
	} else {
		key[1] = intern_outcome(r, rule, NULL, v);
		i = symtab_add(r->a, &r->actions, key, sizeof(key), next);
	}
	if (i == next)
		*arena_push(r->a, r->p->actions, r->p->nactions,
			    r->actions_cap) =
			(struct action){ rule, key[1], split };
	return i;
}

static const char *protocol_name(uint8_t kinds)
{
	return !(kinds & 12) ? "tcp" : !(kinds & 3) ? "udp" : NULL;
}

static const char *family_name(uint8_t kinds)
{
	return !(kinds & 10) ? "ip4" : !(kinds & 5) ? "ip6" : NULL;
}

static void check_socket(struct resolver *r, uint32_t socket,
			 const struct place *place, uint8_t kinds)
{
	const struct policy_socket *s = &r->p->sockets[socket];
	uint8_t has = socket_kinds(s);
	const char *own = protocol_name(has), *packets = protocol_name(kinds);
	bool protocol = own && packets && own != packets;
	struct diag *d;

	if (has & kinds)
		return;
	if (!protocol) {
		own = family_name(has);
		packets = family_name(kinds);
	}
	d = diag_add(r->d, protocol ? DIAG_SOCKET_PROTOCOL :
		     DIAG_FAMILY_MISMATCH, place,
		     "`%s` is a socket for %s only, and every packet here is %s",
		     s->name, own ? own : "others", packets ? packets :
		     "of another kind");
	d->label = "can never have a packet";
	d->also.place = s->ast->name.place;
	d->also.text = arena_printf(r->a, "declared %s", own ? own : "so");
}

void verdict_check(struct resolver *r, const struct rverdict *v,
		   uint8_t kinds)
{
	size_t i;

	if (v->bad || !kinds)
		return;
	for (i = 0; i < v->nsteps; i++)
		check_socket(r, v->steps[i].socket,
			     &v->ast->chain[i].socket.place, kinds);
	for (i = 0; v->shares && i < v->ast->nshares; i++)
		check_socket(r, v->shares[i],
			     &v->ast->shares[i].socket.place, kinds);
}
