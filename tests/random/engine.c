/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine - everything that can say a packet's verdict, in one table
 *
 * In: a policy as text, then packets. Out: an answer of each engine, and
 * whether they agree. Here are those that need no instructions: the rules as
 * written, the clauses one by one, the diagram.
 */
#include "engine.h"

#include <string.h>

#include "../../compiler/eval.h"
#include "../../grammar/parse.h"
#include "../../runtime/abi.h"

/* ------------------------------------------------------------ subjects */

bool subject_read(struct subject *s, const char *text)
{
	int file;

	memset(s, 0, sizeof(*s));
	arena_init(&s->arena, NULL);
	source_init(&s->sources, &s->arena);
	diag_init(&s->diags, &s->arena, &s->sources);
	file = source_add(&s->sources, "random.skl", text, strlen(text));
	s->ast = parse_policy(&s->arena, &s->sources, &s->diags,
			      (uint32_t)file);
	if (s->diags.nerrors)
		return false;
	s->policy = policy_resolve(&s->arena, s->ast, &s->diags);
	return s->policy;
}

bool subject_open(struct subject *s, const char *text)
{
	const struct diagram_options o = { .max_cuts = 2000000 };

	if (!subject_read(s, text))
		return false;
	s->diagram = diagram_build(&s->arena, s->policy, &o);
	return true;
}

void subject_close(struct subject *s)
{
	arena_free(&s->arena);
}

/* --------------------------------------------------- rules as written */

/* Of one policy; asked for one socket at a time. */
struct absent {
	const struct policy *policy;
	const struct question *question;
};

static bool is_empty(const struct question *q, size_t socket)
{
	return socket < 64 && q->absent >> socket & 1;
}

uint32_t question_place(const struct question *q, size_t i)
{
	if (is_empty(q, i))
		return IMAGE_PLACES;
	return i < 64 && q->moved >> i & 1 ? 1 + i % (IMAGE_PLACES - 1) : 0;
}

static bool is_absent(void *ctx, const struct ast_socket *s)
{
	const struct absent *a = ctx;
	size_t i;

	for (i = 0; i < a->policy->nsockets; i++)
		if (a->policy->sockets[i].ast == s)
			return is_empty(a->question, i);
	return false;
}

struct rules {
	const struct policy *policy;
	struct eval *eval;
};

static void *rules_prepare(struct subject *s)
{
	struct rules *r = arena_alloc(&s->arena, sizeof(*r));

	r->policy = s->policy;
	r->eval = eval_new(&s->arena, s->ast);
	return r;
}

enum { BPF_REPLACE = 1, BPF_NO_REUSEPORT = 2 };	/* BPF_SK_LOOKUP_F_... */

static bool rules_ask(void *state, const struct question *q, struct answer *a)
{
	const struct rules *rules = state;
	struct absent absent = { rules->policy, q };
	struct eval_result r = eval_packet_without(rules->eval, &q->packet,
			q->absent ? is_absent : NULL, &absent);

	a->verdict = r.verdict;
	a->rule = r.rule;
	a->flags = (r.flags & AST_REPLACE ? BPF_REPLACE : 0) |
		(r.flags & AST_NO_REUSEPORT ? BPF_NO_REUSEPORT : 0);
	return true;
}

const struct engine engine_rules = { "rules", rules_prepare, rules_ask, NULL };

/* ------------------------------------------------ clauses, one by one */

static void *clauses_prepare(struct subject *s)
{
	return s->policy;
}

static bool holds_term(const struct term *t, const u128 v[FIELD_COUNT])
{
	int f;

	for (f = 0; f < FIELD_COUNT; f++)
		if (t->set[f] && !iset_contains(t->set[f], v[f]))
			return false;
	return true;
}

static bool holds_clause(const struct clause *c, const u128 v[FIELD_COUNT])
{
	size_t i;

	for (i = 0; i < c->terms.n; i++)
		if (holds_term(&c->terms.v[i], v))
			return true;
	return false;
}

static bool step_fits(const struct policy *p, const struct step *s,
		      const struct question *q, uint32_t kind)
{
	return p->sockets[s->socket].slot[kind] != NO_SLOT &&
		!is_empty(q, s->socket);
}

static void answer_outcome(const struct policy *p, const struct outcome *o,
			   const struct question *q, uint32_t kind,
			   struct answer *a)
{
	uint32_t i;

	a->rule = p->rules[o->rule].ast;
	a->verdict = o->pass ? "pass" : "drop";
	a->flags = 0;
	for (i = 0; i < o->nsteps; i++)
		if (step_fits(p, &o->steps[i], q, kind)) {
			a->verdict = p->sockets[o->steps[i].socket].name;
			a->flags = (int)o->steps[i].flags;
			return;
		}
}

static void answer_action(const struct policy *p, uint32_t action,
			  const u128 v[FIELD_COUNT], const struct question *q,
			  struct answer *a)
{
	const struct outcome *o =
		&p->outcomes[policy_action_outcome(p, action, v)];
	unsigned int family = (unsigned int)v[FIELD_FAMILY];
	unsigned int protocol = (unsigned int)v[FIELD_PROTOCOL];

	answer_outcome(p, o, q, SLOT_KIND(family, protocol), a);
	if (!q->absent)		/* as everybody else asks the policy */
		a->verdict = policy_choice_name(p, policy_first_choice(p, o,
						family, protocol));
}

static bool clauses_ask(void *state, const struct question *q,
			struct answer *a)
{
	const struct policy *policy = state;
	u128 v[FIELD_COUNT];
	size_t i;

	policy_packet_fields(policy, &q->packet, v);
	for (i = 0; i < policy->nclauses; i++)
		if (holds_clause(&policy->clauses[i], v)) {
			answer_action(policy, policy->clauses[i].action, v, q,
				      a);
			return true;
		}
	a->verdict = "nothing";
	return true;
}

const struct engine engine_clauses = {
	"clauses", clauses_prepare, clauses_ask, NULL
};

/* --------------------------------------------------------- the diagram */

static void *diagram_prepare(struct subject *s)
{
	return s->diagram ? s : NULL;
}

static bool diagram_ask(void *state, const struct question *q,
			struct answer *a)
{
	const struct subject *s = state;
	u128 v[FIELD_COUNT];
	dref leaf;

	policy_packet_fields(s->policy, &q->packet, v);
	leaf = diagram_walk(s->diagram, v);
	a->verdict = "nothing";
	if (leaf != DREF_NONE)
		answer_action(s->policy, dref_action(leaf), v, q, a);
	return true;
}

const struct engine engine_diagram = {
	"diagram", diagram_prepare, diagram_ask, NULL
};

/* ------------------------------------------------------- all of them */

static const struct engine *const table[ENGINE_COUNT] = {
#define E(name) [ENGINE_##name] = &engine_##name,
	ENGINES(E)
#undef E
};

const char *engine_name(size_t i)
{
	return table[i]->name;
}

void engines_prepare_some(struct engines *e, struct subject *s, uint32_t mask)
{
	size_t i;

	for (i = 0; i < ENGINE_COUNT; i++)
		e->state[i] = mask >> i & 1 ? table[i]->prepare(s) : NULL;
}

void engines_prepare(struct engines *e, struct subject *s)
{
	engines_prepare_some(e, s, UINT32_MAX);
}

void engines_finish(struct engines *e)
{
	size_t i;

	for (i = 0; i < ENGINE_COUNT; i++)
		if (e->state[i] && table[i]->finish)
			table[i]->finish(e->state[i]);
}

static bool agree(const struct answer *x, const struct answer *y)
{
	if (!y->given)
		return true;
	if (x->rule && y->rule && x->rule != y->rule)
		return false;
	if (x->flags >= 0 && y->flags >= 0 && x->flags != y->flags)
		return false;
	return x->verdict == y->verdict || !strcmp(x->verdict, y->verdict);
}

bool engines_ask(const struct engines *e, const struct question *q,
		 struct answer answers[ENGINE_COUNT])
{
	bool same = true;
	size_t i;

	for (i = 0; i < ENGINE_COUNT; i++) {
		struct answer *a = &answers[i];

		*a = (struct answer){ .verdict = "", .flags = -1 };
		a->given = e->state[i] && table[i]->ask(e->state[i], q, a);
		same &= agree(&answers[0], a);
	}
	return same;
}

static const char *rule_name(const struct policy *p,
			     const struct ast_rule *rule)
{
	size_t i;

	for (i = 0; i < p->nrules; i++)
		if (p->rules[i].ast == rule)
			return p->rules[i].name;
	return "?";
}

void question_print(const struct question *q, const struct policy *p,
		    FILE *out)
{
	char packet[PACKET_TEXT_MAX];
	size_t i;

	fprintf(out, "%s", packet_print(&q->packet, packet));
	if (q->packet.ifname[0])
		fprintf(out, " (index %u)", q->packet.ifindex);
	for (i = 0; i < p->nsockets; i++)
		if (is_empty(q, i))
			fprintf(out, ", no socket `%s`", p->sockets[i].name);
		else if (question_place(q, i))
			fprintf(out, ", `%s` in place %u", p->sockets[i].name,
				question_place(q, i));
	fprintf(out, "\n");
}

void engines_print(const struct answer answers[ENGINE_COUNT],
		   const struct policy *p, FILE *out)
{
	size_t i;

	for (i = 0; i < ENGINE_COUNT; i++) {
		const struct answer *a = &answers[i];

		fprintf(out, "  %-8s ", table[i]->name);
		if (!a->given)
			fprintf(out, "cannot say\n");
		else
			fprintf(out, "%s, flags %d, by `%s`\n", a->verdict,
				a->flags, rule_name(p, a->rule));
	}
}
