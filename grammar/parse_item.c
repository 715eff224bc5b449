/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse_item - the items of a file, hung into the tree
 *
 * In: whole items. Out: the list of items and the typed lists, in order of
 * writing. A second policy line or default is reported with the first.
 */
#include <string.h>

#include "parse_state.h"

static struct ast_item *add_item(struct scan *s, enum ast_item_kind kind,
				 struct place at)
{
	struct ast *ast = s->parse->ast;
	struct ast_item *i = arena_alloc(s->parse->arena, sizeof(*i));

	i->kind = kind;
	i->file = s->file;
	i->place = at;
	*ast->last_item = i;
	ast->last_item = &i->next;
	return i;
}

static void second(struct parse *p, enum diag_id id, const char *what,
		   struct place first, struct place at)
{
	struct diag *g = diag_add(p->diags, id, &at, "a second %s", what);

	g->label = "again here";
	g->also.place = first;
	g->also.text = "first said here";
	g->help = arena_printf(p->arena, "a policy has one %s, its included "
			       "files counted", what);
}

struct ast_socket *build_socket_mask(struct scan *s, struct ast_socket *k,
				     unsigned int protocol,
				     unsigned int family, struct place at)
{
	if ((protocol && k->protocol) || (family && k->family))
		diag_add(s->parse->diags, DIAG_REPEATED_CLAUSE, &at,
			 "the %s is said twice",
			 protocol ? "protocol" : "family")->help =
			"without one a socket serves both";
	if (protocol)
		k->protocol = (uint8_t)protocol;
	if (family)
		k->family = (uint8_t)family;
	return k;
}

struct ast_entry *build_entry(struct scan *s)
{
	memset(&s->entry, 0, sizeof(s->entry));
	return &s->entry;
}

void build_policy(struct scan *s, struct ast_name name, struct place at)
{
	struct ast *ast = s->parse->ast;

	add_item(s, AST_ITEM_POLICY, at)->policy = name;
	if (ast->policy.text)
		second(s->parse, DIAG_MISSING_POLICY, "policy line",
		       ast->policy.place, name.place);
	else
		ast->policy = name;
}

void build_default(struct scan *s, struct ast_rule *rule, struct place at)
{
	struct ast *ast = s->parse->ast;

	add_item(s, AST_ITEM_DEFAULT, at)->rule = rule;
	if (ast->default_rule)
		second(s->parse, DIAG_MISSING_DEFAULT, "default",
		       ast->default_rule->place, at);
	else
		ast->default_rule = rule;
}

void build_statement(struct scan *s, struct ast_statement *t)
{
	struct ast *ast = s->parse->ast;

	add_item(s, AST_ITEM_STATEMENT, t->place)->statement = t;
	*ast->last_statement = t;
	ast->last_statement = &t->next;
}

void build_socket(struct scan *s, struct ast_socket *socket)
{
	struct ast *ast = s->parse->ast;

	add_item(s, AST_ITEM_SOCKET, socket->place)->socket = socket;
	*ast->last_socket = socket;
	ast->last_socket = &socket->next;
	ast->nsockets++;
}

void build_set(struct scan *s, struct ast_set *set)
{
	struct ast *ast = s->parse->ast;

	add_item(s, AST_ITEM_SET, set->place)->set = set;
	*ast->last_set = set;
	ast->last_set = &set->next;
	ast->nsets++;
}

void build_map(struct scan *s, struct ast_map *map)
{
	struct ast *ast = s->parse->ast;

	add_item(s, AST_ITEM_MAP, map->place)->map = map;
	*ast->last_map = map;
	ast->last_map = &map->next;
	ast->nmaps++;
}

void build_expect(struct scan *s, struct ast_expect *expect)
{
	struct ast *ast = s->parse->ast;

	add_item(s, AST_ITEM_EXPECT, expect->place)->expect = expect;
	*ast->last_expect = expect;
	ast->last_expect = &expect->next;
	ast->nexpects++;
}
