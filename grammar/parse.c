/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse - policy text to syntax tree
 *
 * In: a file of the source set. Out: the tree of it and of every file it
 * names. Files are read when the line that names them has been read, so the
 * lists are in order of writing. Promise: a file that cannot be read, names
 * itself, or is none, is reported at the line that names it; then parsing
 * goes on.
 */
#include "parse.h"

#include <string.h>

#include "parse_state.h"
#include "parser.h"

static void scan_file(struct scan *s)
{
	s->first = s->previous = s->before = NO_TOKEN;
	s->start_place = (struct place) { s->file, 0, 0 };
	s->fresh_line = true;
	scanner_open(s);
	if (skl_parse(s) == 2)
		s->parse->incomplete = true;
	scanner_close(s);
}

/* True, and reported, when FILE is no text; PLACE names it, or is NULL. */
static bool is_object(struct parse *p, uint32_t file,
		      const struct place *place)
{
	const struct source_file *f = &p->sources->files[file];

	if (f->size < 4 || memcmp(f->text, "\177ELF", 4))
		return false;
	p->incomplete = true;
	diag_add(p->diags, DIAG_FILE, place,
		 "`%.200s` is an object (ELF), and text belongs here",
		 f->name)->help = "give the text that it was made from; of "
		"skpolc's verbs `diff` and `verdicts` take an object, too";
	return true;
}

/* Names in messages are cut: they come from the user. */
static int open_file(struct parse *p, const char *path, struct place string)
{
	int file = source_open(p->sources, path, (int)string.file);

	if (file >= 0)
		return is_object(p, (uint32_t)file, &string) ? -1 : file;
	p->incomplete = true;
	diag_add(p->diags, DIAG_FILE, &string, "cannot read `%.200s`: %s",
		 path, strerror(-file))->help =
		"a file is looked for beside the file that names it";
	return file;
}

static const struct included *included_before(const struct parse *p,
					      uint32_t file)
{
	const struct source_file *files = p->sources->files;
	const struct source_file *f = &files[file];

	for (size_t i = 0; f->ino && i < p->nincluded; i++) {
		const struct source_file *other =
			&files[p->included[i].file];

		if (f->dev == other->dev && f->ino == other->ino)
			return &p->included[i];
	}
	return NULL;
}

static void include_twice(struct parse *p, const struct included *before,
			  const char *path, struct place string)
{
	struct diag *g = diag_add(p->diags, DIAG_INCLUDE_CYCLE, &string,
				  "`%.200s` is included a second time", path);

	if (before->place.end) {
		g->also.place = before->place;
		g->also.text = "first included here";
	} else {
		g->label = "this is the policy file itself";
	}
	g->help = "remove this line: a file is included once";
}

static void include_too_deep(struct parse *p, struct place string)
{
	p->incomplete = true;
	diag_add(p->diags, DIAG_INCLUDE_CYCLE, &string,
		 "files include each other more than %d deep",
		 INCLUDE_DEPTH_MAX);
}

static void parse_file(struct parse *p, uint32_t file, struct place place)
{
	struct scan s = { .parse = p, .file = file, .start = T_START_POLICY };

	*arena_push(p->arena, p->included, p->nincluded, p->included_cap) =
		(struct included) { file, place };
	p->depth++;
	scan_file(&s);
	p->depth--;
}

void parse_include(struct scan *s, const char *path, struct place string,
		   struct place at)
{
	struct ast *ast = s->parse->ast;
	struct parse *p = s->parse;
	struct ast_item *i = arena_alloc(p->arena, sizeof(*i));
	const struct included *before;
	int file;

	i->kind = AST_ITEM_INCLUDE;
	i->file = s->file;
	i->place = at;
	i->include = path;
	*ast->last_item = i;
	ast->last_item = &i->next;
	file = open_file(p, path, string);
	if (file < 0)
		return;
	before = included_before(p, (uint32_t)file);
	if (before)
		include_twice(p, before, path, string);
	else if (p->depth < INCLUDE_DEPTH_MAX)
		parse_file(p, (uint32_t)file, string);
	else
		include_too_deep(p, string);
}

static void parse_list(struct scan *from, struct scan *s, const char *path,
		       struct place string)
{
	int file = open_file(from->parse, path, string);

	if (file < 0)
		return;
	s->parse = from->parse;
	s->file = (uint32_t)file;
	scan_file(s);
}

void parse_set_file(struct scan *s, struct ast_set *set)
{
	struct scan inner = { .start = T_START_SET_FILE, .set = set };

	parse_list(s, &inner, set->file, set->file_place);
}

void parse_map_file(struct scan *s, struct ast_map *map)
{
	struct scan inner = { .start = T_START_MAP_FILE, .map = map };

	parse_list(s, &inner, map->file, map->file_place);
}

static void missing(struct parse *p, uint32_t file)
{
	struct place top = { file, 0, 0 };

	if (p->incomplete || diag_full(p->diags))
		return;
	if (!p->ast->policy.text && !p->saw_policy)
		diag_add(p->diags, DIAG_MISSING_POLICY, &top,
			 "there is no policy line")->help =
			"begin with `policy NAME`";
	if (!p->ast->default_rule && !p->saw_default)
		diag_add(p->diags, DIAG_MISSING_DEFAULT, &top,
			 "there is no default")->help =
			"end with `default -> pass` or `default -> drop`";
}

static struct ast *parse(struct arena *a, struct source_set *s,
			 struct diags *d, uint32_t file, bool whole)
{
	struct ast *ast = arena_alloc(a, sizeof(*ast));
	struct parse p = { .arena = a, .sources = s, .diags = d, .ast = ast };

	ast->last_item = &ast->items;
	ast->last_socket = &ast->sockets;
	ast->last_set = &ast->sets;
	ast->last_map = &ast->maps;
	ast->last_expect = &ast->expects;
	ast->last_statement = &ast->statements;
	if (!is_object(&p, file, NULL))
		parse_file(&p, file, (struct place) { file, 0, 0 });
	if (whole)
		missing(&p, file);
	return ast;
}

struct ast *parse_policy(struct arena *a, struct source_set *s,
			 struct diags *d, uint32_t file)
{
	return parse(a, s, d, file, true);
}

struct ast *parse_part(struct arena *a, struct source_set *s, struct diags *d,
		       uint32_t file)
{
	return parse(a, s, d, file, false);
}
