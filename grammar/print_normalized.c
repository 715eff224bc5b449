/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * print_normalized - a whole policy as one file
 *
 * In: the tree, includes and files already in it. Out: text without comments
 * or files, that parses to the same policy: sockets, sets, maps, statements,
 * the default, expects, each in order of writing. Printing what it parses to
 * gives the same text. Linear, but for sorting.
 */
#include <string.h>

#include "print.h"
#include "print_text.h"

static void text_indent(struct text *t, size_t depth)
{
	while (depth--)
		text_add(t, "    ");
}

/* Descriptions are no comments: they are kept in the manifest. */
static void text_description(struct text *t, size_t depth, const char *d)
{
	while (d) {
		size_t len = strcspn(d, "\n");

		text_indent(t, depth);
		text_add(t, len ? "## " : "##");
		text_add_n(t, d, len);
		text_add(t, "\n");
		d = d[len] ? d + len + 1 : NULL;
	}
}

static void text_socket(struct text *t, const struct ast_socket *s)
{
	char address[46];

	text_description(t, 0, s->description);
	text_add(t, "socket ");
	text_add(t, s->name.text);
	if (s->protocol)
		text_add(t, s->protocol == AST_TCP ? " tcp" : " udp");
	if (s->family)
		text_add(t, s->family == AST_IP4 ? " ip4" : " ip6");
	if (s->at)
		text_addf(t, " at %s port %u",
			  print_address(address, s->at_family, s->at_address),
			  s->at_port);
	text_add(t, "\n");
}

static void text_set(struct text *t, const struct ast_set *s)
{
	text_description(t, 0, s->description);
	text_addf(t, "set %s = { ", s->name.text);
	text_elements(t, &s->elements, false);
	text_add(t, s->elements.n ? " }\n" : "}\n");
}

static void text_map(struct text *t, const struct ast_map *m)
{
	text_description(t, 0, m->description);
	text_addf(t, "map %s by ", m->name.text);
	text_keys(t, &m->keys, true);
	text_add(t, " {\n");
	for (size_t i = 0; i < m->nentries; i++) {
		text_add(t, "    ");
		text_entry_key(t, m, &m->entries[i]);
		text_add(t, " -> ");
		text_verdict(t, &m->entries[i].verdict);
		text_add(t, "\n");
	}
	text_add(t, "}\n");
}

static void text_modifiers(struct text *t, const struct ast_rule *r)
{
	text_add(t, r->count ? " count" : "");
	text_add(t, r->trace ? " trace\n" : "\n");
}

static void text_rule(struct text *t, const struct ast_rule *r)
{
	if (r->name.text)
		text_addf(t, "%s: ", r->name.text);
	text_match(t, &r->match);
	text_add(t, " -> ");
	text_verdict(t, &r->verdict);
	text_modifiers(t, r);
}

/* Blocks nest no deeper than the parser's own stack. */
static void text_statements(struct text *t, const struct ast_statement *s,
			    size_t depth)
{
	for (; s; s = s->next) {
		if (s->kind == AST_RULE)
			text_description(t, depth, s->rule.description);
		text_indent(t, depth);
		if (s->kind == AST_RULE) {
			text_rule(t, &s->rule);
			continue;
		}
		text_add(t, "when ");
		text_match(t, &s->when);
		text_add(t, " {\n");
		text_statements(t, s->body, depth + 1);
		text_indent(t, depth);
		text_add(t, "}\n");
	}
}

static void text_expect(struct text *t, const struct ast_expect *e)
{
	text_description(t, 0, e->description);
	text_add(t, "expect ");
	text_match(t, &e->match);
	text_add(t, e->ngoals == 1 ? " -> " : " -> { ");
	for (size_t i = 0; i < e->ngoals; i++) {
		const struct ast_goal *g = &e->goals[i];

		text_add(t, i ? ", " : "");
		text_add(t, g->kind == AST_PASS ? "pass" :
			 g->kind == AST_DROP ? "drop" : g->socket.text);
	}
	text_add(t, e->ngoals == 1 ? "\n" : " }\n");
}

static void text_default(struct text *t, const struct ast_rule *r)
{
	text_description(t, 0, r->description);
	text_add(t, "default -> ");
	text_verdict(t, &r->verdict);
	text_modifiers(t, r);
}

char *print_normalized(struct arena *a, const struct ast *ast, size_t *len)
{
	struct text t = { .arena = a };
	char *out;

	if (ast->policy.text)
		text_addf(&t, "policy %s\n", ast->policy.text);
	for (const struct ast_socket *s = ast->sockets; s; s = s->next)
		text_socket(&t, s);
	for (const struct ast_set *s = ast->sets; s; s = s->next)
		text_set(&t, s);
	for (const struct ast_map *m = ast->maps; m; m = m->next)
		text_map(&t, m);
	text_statements(&t, ast->statements, 0);
	if (ast->default_rule)
		text_default(&t, ast->default_rule);
	for (const struct ast_expect *e = ast->expects; e; e = e->next)
		text_expect(&t, e);
	out = text_done(&t);
	*len = t.n;
	return out;
}
