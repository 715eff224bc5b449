/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolve - syntax tree to policy
 *
 * In: the tree. Out: the policy of policy.h, or NULL when anything was
 * reported, then or before. The walk is in order of writing, so that all
 * numbers (rules, counters, slots, interfaces, outcomes, actions) depend on
 * the text alone. Rules keep what is theirs even when a part of them is bad:
 * one run reports every mistake.
 */
#include "resolve.h"

#include <string.h>

#include "../grammar/print.h"
#include "../runtime/abi.h"

/* -------------------------------------------------------- declaring */

static void check_at(struct resolver *r, const struct ast_socket *s)
{
	uint8_t family = s->at_family == 4 ? AST_IP4 : AST_IP6;
	struct diag *d;

	if (!s->at)
		return;
	if (!s->at_port) {
		d = diag_add(r->d, DIAG_PORT_RANGE, &s->at_place,
			     "the socket `%s` cannot be at port 0",
			     s->name.text);
		d->label = "no socket is bound to port 0";
	}
	if (s->family && s->family != family) {
		d = diag_add(r->d, DIAG_FAMILY_MISMATCH, &s->at_place,
			     "the socket `%s` is %s, and its address is %s",
			     s->name.text, s->family == AST_IP4 ? "ip4" : "ip6",
			     family == AST_IP4 ? "IPv4" : "IPv6");
		d->label = "of the other family";
	}
}

/* Said once, at the socket that is one too many. */
static void check_slots(struct resolver *r, const struct ast_socket *s,
			uint32_t before)
{
	struct diag *d;

	if (before > IMAGE_SLOTS_MAX || r->p->nslots <= IMAGE_SLOTS_MAX)
		return;
	d = diag_add(r->d, DIAG_TOO_LARGE, &s->name.place,
		     "the sockets up to `%s` have more than %d slots",
		     s->name.text, IMAGE_SLOTS_MAX);
	d->label = "no room for this one";
	d->help = "declare protocol and family (`tcp ip4`): a socket without "
		  "has four slots";
}

static void declare_socket(struct resolver *r, const struct ast_socket *s)
{
	struct policy_socket *out = &r->p->sockets[r->p->nsockets];
	uint8_t protocols = s->protocol ? s->protocol : AST_TCP | AST_UDP;
	uint8_t families = s->family ? s->family : AST_IP4 | AST_IP6;
	unsigned int family, protocol;
	uint32_t before = r->p->nslots;

	name_declare(r, SYMBOL_SOCKET, r->p->nsockets++, &s->name);
	check_at(r, s);
	out->name = s->name.text;
	out->ast = s;
	for (protocol = 0; protocol < 2; protocol++)
		for (family = 0; family < 2; family++)
			out->slot[SLOT_KIND(family, protocol)] =
				protocols >> protocol & families >> family & 1 ?
				r->p->nslots++ : NO_SLOT;
	check_slots(r, s, before);
}

static void declare_all(struct resolver *r)
{
	const struct ast_socket *socket;
	const struct ast_set *set;
	const struct ast_map *map;
	size_t n = 0;

	for (socket = r->ast->sockets; socket; socket = socket->next)
		n++;
	r->p->sockets = arena_array(r->a, n, sizeof(*r->p->sockets));
	for (socket = r->ast->sockets; socket; socket = socket->next)
		declare_socket(r, socket);
	for (set = r->ast->sets; set; set = set->next)
		r->nsets++;
	r->sets = arena_array(r->a, r->nsets, sizeof(*r->sets));
	for (n = 0, set = r->ast->sets; set; set = set->next) {
		r->sets[n].ast = set;
		name_declare(r, SYMBOL_SET, n++, &set->name);
	}
	for (map = r->ast->maps; map; map = map->next)
		r->nmaps++;
	r->maps = arena_array(r->a, r->nmaps, sizeof(*r->maps));
	for (n = 0, map = r->ast->maps; map; map = map->next) {
		r->maps[n].ast = map;
		name_declare(r, SYMBOL_MAP, n++, &map->name);
	}
}

/* ------------------------------------------------------------ rules */

static void add_clause(struct resolver *r, struct terms terms,
		       uint32_t action, const struct ast_entry *entry)
{
	*arena_push(r->a, r->p->clauses, r->p->nclauses, r->clauses_cap) =
		(struct clause){ terms, action, entry };
}

static void say_not_served(struct resolver *r, const struct ast_rule *rule,
			   struct map_info *m)
{
	const struct ast_name *name = &rule->verdict.map;
	struct diag *d;

	m->said = true;
	d = diag_add(r->d, DIAG_SOCKET_PROTOCOL, &name->place,
		     "no entry of the map `%s` has a socket for the packets of this rule",
		     name->text);
	d->label = "can never choose a socket";
	d->also.place = m->ast->name.place;
	d->also.text = "the map";
}

static void map_clauses(struct resolver *r, uint32_t number,
			const struct terms *terms, struct map_info *m)
{
	uint32_t *actions = arena_array(r->a, m->nverdicts, sizeof(*actions));
	size_t i;

	memset(actions, 0xff, m->nverdicts * sizeof(*actions));
	for (i = 0; i < m->ngroups; i++) {
		const struct map_group *g = &m->groups[i];
		struct terms t = terms_product(r->a, terms, &g->terms);

		if (!t.n)
			continue;
		if (actions[g->verdict] == UINT32_MAX)
			actions[g->verdict] = verdict_action(r, number,
				&m->verdicts[g->verdict]);
		add_clause(r, t, actions[g->verdict], g->first);
	}
}

static void map_rule(struct resolver *r, uint32_t number,
		     const struct ast_rule *rule, const struct context *c)
{
	const struct ast_name *name = &rule->verdict.map;
	struct symbol *s = name_find(r, SYMBOL_MAP, name->text, &name->place,
				     USE_SET);
	uint8_t kinds = terms_kinds(&c->terms);
	struct map_info *m;

	if (!s)
		return;
	m = &r->maps[s->index];
	map_resolve(r, m);
	m->asked |= kinds;
	if (m->bad || c->bad)
		return;
	if (m->ast->nentries && kinds && !(kinds & m->served)) {
		say_not_served(r, rule, m);
		return;
	}
	map_clauses(r, number, &c->terms, m);
}

static void plain_rule(struct resolver *r, uint32_t number,
		       const struct ast_rule *rule, const struct context *c)
{
	struct rverdict v;

	verdict_read(r, &rule->verdict, &v);
	verdict_check(r, &v, terms_kinds(&c->terms));
	if (v.bad || c->bad)
		return;
	add_clause(r, c->terms, verdict_action(r, number, &v), NULL);
}

static void say_same_rule(struct resolver *r, const struct ast_rule *rule,
			  const struct policy_rule *first)
{
	struct diag *d;

	if (rule->name.text) {
		d = diag_add(r->d, DIAG_DUPLICATE_NAME, &rule->name.place,
			     "there are two rules named `%s`",
			     rule->name.text);
		d->label = "the second";
		d->also.place = first->ast->name.place;
	} else {
		d = diag_add(r->d, DIAG_REDUNDANT_RULE, &rule->place,
			     "the same rule is written twice");
		d->label = "the second";
		d->also.place = first->ast->place;
		d->help = "they share one counter, if any; remove this one, or name both";
	}
	d->also.text = "the first";
}

/*
 * A rule is known by its name, or its text. Nameless rules of one text are
 * one rule to whoever counts, so they have one counter too.
 */
static void identify(struct resolver *r, struct policy_rule *rule,
		     uint32_t number)
{
	const struct ast_rule *ast = rule->ast;
	uint32_t first = symtab_add(r->a, &r->rule_names, rule->name,
				    strlen(rule->name), number);

	rule->counter = NO_COUNTER;
	if (first != number) {
		say_same_rule(r, ast, &r->p->rules[first]);
		rule->counter = r->p->rules[first].counter;
	}
	rule->count = ast->count;
	rule->trace = ast->trace;
	if (!rule->count && !rule->trace)
		rule->counter = NO_COUNTER;
	else if (rule->counter == NO_COUNTER)
		rule->counter = r->p->ncounters++;
}

static void add_rule(struct resolver *r, const struct ast_rule *ast,
		     const struct context *c, const char *name)
{
	struct policy_rule *rule = arena_push(r->a, r->p->rules,
					      r->p->nrules, r->rules_cap);
	uint32_t number = r->p->nrules - 1;

	*rule = (struct policy_rule){ .ast = ast, .whens = c->whens,
				      .nwhens = c->nwhens,
				      .terms = c->terms };
	rule->text = print_rule(r->a, c->whens, c->nwhens, ast);
	rule->verdict = print_verdict(r->a, &ast->verdict);
	rule->name = name ? name : rule->text;
	identify(r, rule, number);
	if (ast->verdict.kind == AST_MAP)
		map_rule(r, number, ast, c);
	else
		plain_rule(r, number, ast, c);
}

static const struct ast_match *const *append_when(struct resolver *r,
						  const struct context *outer,
						  const struct ast_match *m)
{
	size_t n = outer ? outer->nwhens : 0;
	const struct ast_match **v = arena_array(r->a, n + 1, sizeof(*v));

	if (n)
		memcpy(v, outer->whens, n * sizeof(*v));
	v[n] = m;
	return v;
}

/* One statement; a `when` gives the context of those inside it. */
static struct context *statement(struct resolver *r,
				 const struct ast_statement *s,
				 const struct context *outer)
{
	struct context *when, c;

	if (s->kind == AST_RULE) {
		match_resolve(r, &s->rule.match, outer, &c);
		add_rule(r, &s->rule, &c, s->rule.name.text);
		return NULL;
	}
	when = arena_alloc(r->a, sizeof(*when));
	match_resolve(r, &s->when, outer, when);
	when->whens = append_when(r, outer, &s->when);
	when->nwhens++;
	return when;
}

struct level {			/* of nested `when` blocks */
	const struct ast_statement *next;
	const struct context *context;
};

/* With a stack of its own: blocks nest as deep as the parser let them. */
static void walk(struct resolver *r)
{
	struct level *stack = NULL;
	size_t n = 0, cap = 0;

	*arena_push(r->a, stack, n, cap) =
		(struct level){ r->ast->statements, NULL };
	while (n && !diag_full(r->d)) {
		struct level *top = &stack[n - 1];
		const struct ast_statement *s = top->next;
		struct context *inside;

		if (!s) {
			n--;
			continue;
		}
		top->next = s->next;
		inside = statement(r, s, top->context);
		if (inside)
			*arena_push(r->a, stack, n, cap) =
				(struct level){ s->body, inside };
	}
}

static void say_no_default(struct resolver *r, const struct ast_name *name,
			   const struct ast_map *map)
{
	struct diag *d;

	d = diag_add(r->d, DIAG_MISSING_DEFAULT, &name->place,
		     "the default asks the map `%s`, which has none itself",
		     name->text);
	d->label = "what about packets of no entry?";
	d->also.place = map->name.place;
	d->also.text = "the map";
	d->help = "add an entry such as `default -> drop` to the map";
}

/* No rule comes after it: it must have an answer for every packet. */
static void check_default(struct resolver *r, const struct ast_rule *rule)
{
	const struct ast_name *name = &rule->verdict.map;
	const struct ast_map *map;
	uint32_t s;
	size_t i;

	if (rule->verdict.kind != AST_MAP)
		return;
	s = symtab_find(&r->names, name->text, strlen(name->text));
	if (s == SYMTAB_NONE || r->symbols[s].kind != SYMBOL_MAP)
		return;		/* that was reported */
	map = r->maps[r->symbols[s].index].ast;
	for (i = 0; i < map->nentries; i++)
		if (map->entries[i].is_default)
			return;
	say_no_default(r, name, map);
}

static void default_rule(struct resolver *r)
{
	struct context c = { .terms = r->every };

	if (!r->ast->default_rule)
		return;
	add_rule(r, r->ast->default_rule, &c, "default");
	check_default(r, r->ast->default_rule);
}

/* ---------------------------------------------------------- expects */

static void expect(struct resolver *r, const struct ast_expect *ast)
{
	struct policy_expect *e = arena_push(r->a, r->p->expects,
					     r->p->nexpects, r->expects_cap);
	struct context c;
	size_t i;

	match_resolve(r, &ast->match, NULL, &c);
	e->ast = ast;
	e->terms = c.terms;
	e->ngoals = ast->ngoals;
	e->goals = arena_array(r->a, ast->ngoals, sizeof(*e->goals));
	for (i = 0; i < ast->ngoals; i++) {
		const struct ast_goal *g = &ast->goals[i];
		struct symbol *s = NULL;

		if (g->kind == AST_CHAIN)
			s = name_find(r, SYMBOL_SOCKET, g->socket.text,
				      &g->socket.place, USE_SET);
		e->goals[i] = s ? s->index :
			g->kind == AST_PASS ? GOAL_PASS : GOAL_DROP;
	}
}

/* ----------------------------------------------------------- leftovers */

/*
 * What no rule asked for is checked all the same; interfaces that only it
 * names are not the policy's.
 */
static void leftovers(struct resolver *r)
{
	size_t i, ninterfaces = r->p->ninterfaces;

	for (i = 0; i < r->nsets && !diag_full(r->d); i++)
		set_resolve(r, &r->sets[i]);
	for (i = 0; i < r->nmaps && !diag_full(r->d); i++)
		map_resolve(r, &r->maps[i]);
	r->p->ninterfaces = ninterfaces;
}

static void say_empty(struct resolver *r, const struct ast_name *name,
		      const char *kind, const char *file, const char *follows)
{
	struct diag *d = diag_add(r->d, DIAG_EMPTY_SET, &name->place,
				  "the %s `%s` is empty after reading `%.200s`",
				  kind, name->text, file);

	d->label = "holds nothing";
	d->note = follows;
}

/* An empty `{ }` is seen where it is written, an emptied file is not. */
static void empty_files(struct resolver *r)
{
	for (size_t i = 0; i < r->nsets; i++) {
		const struct ast_set *s = r->sets[i].ast;

		if (s->file && !r->sets[i].set.bad &&
		    r->sets[i].set.kind == RSET_EMPTY)
			say_empty(r, &s->name, "set", s->file,
				  arena_printf(r->a, "no packet is in `%s`, "
					       "and every one in `not %s`",
					       s->name.text, s->name.text));
	}
	for (size_t i = 0; i < r->nmaps; i++) {
		const struct ast_map *m = r->maps[i].ast;

		if (m->file && !m->nentries)
			say_empty(r, &m->name, "map", m->file, "packets of "
				  "rules that ask it go on to the next rule");
	}
}

/*
 * An entry serves every rule that asks its map: its socket is a mistake when
 * none of them brings it a packet.
 */
static void check_entries(struct resolver *r, const struct map_info *m)
{
	size_t i;

	if (m->bad || m->said)
		return;
	for (i = 0; i < m->ast->nentries && !diag_full(r->d); i++) {
		struct rverdict v = m->verdicts[m->entry_verdict[i]];

		v.ast = &m->ast->entries[i].verdict;
		verdict_check(r, &v, m->asked & m->entry_kinds[i]);
	}
}

static void start(struct resolver *r)
{
	const struct term any = { { NULL } };

	r->bit[0] = iset_range(r->a, 0, 0);
	r->bit[1] = iset_range(r->a, 1, 1);
	terms_add(r->a, &r->every, &any);
	r->p = arena_alloc(r->a, sizeof(*r->p));
	r->p->name = r->ast->policy.text;
	r->p->ast = r->ast;
}

struct policy *policy_resolve(struct arena *a, const struct ast *ast,
			      struct diags *d)
{
	struct resolver *r = arena_alloc(a, sizeof(*r));
	const struct ast_expect *e;
	size_t i;

	r->a = a;
	r->ast = ast;
	r->d = d;
	start(r);
	declare_all(r);
	walk(r);
	default_rule(r);
	for (e = ast->expects; e && !diag_full(d); e = e->next)
		expect(r, e);
	leftovers(r);
	for (i = 0; i < r->nmaps && !diag_full(d); i++)
		check_entries(r, &r->maps[i]);
	if (!diag_full(d)) {
		empty_files(r);
		name_unused(r);
	}
	return d->nerrors || !ast->default_rule ? NULL : r->p;
}
