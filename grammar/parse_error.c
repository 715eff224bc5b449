/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse_error - a syntax error in words that help
 *
 * In: the token found and those that could have stood there. Out: one
 * diagnostic in the user's words ("a socket name", "a condition"), not the
 * grammar's, and the scanner set to skip the rest of the statement.
 */
#include <string.h>

#include "parse_state.h"
#include "parser.h"

enum { LISTED_MAX = 6 };

/* What was expected: a bit a token. */
struct expected {
	bool has[T_PERCENT + 1];
	size_t n;
};

static const char *keyword_text(int token)
{
	switch (token) {
#define KEYWORD(token, text) case T_##token: return text;
#include "keyword.def"
#undef KEYWORD
	}
	return NULL;
}

static const char *token_text(int token)
{
	switch (token) {
	case T_YYEOF: return "the end of the file";
	case T_END: return "the end of the line";
	case T_LBRACE: case T_BLOCK: return "`{`";
	case T_RBRACE: case T_BLOCK_END: return "`}`";
	case T_COMMA: return "`,`";
	case T_COLON: return "`:`";
	case T_EQUALS: return "`=`";
	case T_MINUS: return "`-`";
	case T_ARROW: return "`->`";
	case T_NAME: return "a name";
	case T_STRING: return "a quoted string";
	case T_INTEGER: return "a number";
	case T_ADDRESS: return "an address";
	case T_PREFIX: return "a prefix";
	case T_PERCENT: return "a share (`95%`)";
	}
	return NULL;
}

/* The text of the token at AT, as it goes into a message. */
static const char *found_text(struct scan *s, int token, struct place at)
{
	const struct source_file *f = &s->parse->sources->files[at.file];
	uint32_t len = at.end - at.begin;

	if (token == T_YYEOF || (token == T_END && at.begin == f->size))
		return "the end of the file";
	if (token == T_END && f->text[at.begin] != '}' &&
	    f->text[at.begin] != ';')
		return "the end of the line";
	if (token == T_STRING && len > 40)
		return "a quoted string";
	return arena_printf(s->parse->arena, "`%.*s`%s",
			    len > 40 ? 40 : (int)len, f->text + at.begin,
			    len > 40 ? "..." : "");
}

/*
 * When every token of GROUP (ended by 0) is expected, takes them out and
 * returns true.
 */
static bool take(struct expected *e, const int *group)
{
	for (const int *t = group; *t; t++) {
		if (!e->has[*t])
			return false;
	}
	for (const int *t = group; *t; t++)
		e->has[*t] = false;
	return true;
}

static const char *operand_text(int previous)
{
	switch (previous) {
	case T_PORT: return "a port, a range, a set or `{`";
	case T_ON: return "an interface (`\"eth0\"` or its index), a set "
		"or `{`";
	case T_TO: return "an address, a prefix, a set, `{` or `port`";
	case T_FROM: return "an address, a prefix, a set, `{` or `port`";
	}
	return "an address, a prefix, a number, a set or `{`";
}

static const char *name_text(int previous)
{
	switch (previous) {
	case T_POLICY: return "the policy's name";
	case T_SOCKET: case T_PERCENT: case T_ELSE: case T_ARROW:
		return "a socket name";
	case T_SET: return "a name for the set";
	case T_MAP: return "a map's name";
	}
	return "a name";
}

static const int group_items[] = { T_POLICY, T_INCLUDE, T_SOCKET, T_SET,
	T_MAP, T_DEFAULT, T_EXPECT, T_WHEN, T_NAME, T_ANY, T_TCP, T_UDP,
	T_IP4, T_IP6, T_FROM, T_TO, T_PORT, T_ON, 0 };
static const int group_rule[] = { T_WHEN, T_NAME, T_ANY, T_TCP, T_UDP, T_IP4,
	T_IP6, T_FROM, T_TO, T_PORT, T_ON, 0 };
static const int group_match[] = { T_ANY, T_TCP, T_UDP, T_IP4, T_IP6, T_FROM,
	T_TO, T_PORT, T_ON, 0 };
static const int group_clause[] = { T_TCP, T_UDP, T_IP4, T_IP6, T_FROM, T_TO,
	T_PORT, T_ON, 0 };
static const int group_operand[] = { T_NAME, T_STRING, T_PREFIX, T_ADDRESS,
	T_INTEGER, T_LBRACE, 0 };
static const int group_element[] = { T_NAME, T_STRING, T_PREFIX, T_ADDRESS,
	T_INTEGER, 0 };
static const int group_verdict[] = { T_NAME, T_PASS, T_DROP, T_MAP, T_SPLIT,
	0 };
static const int group_entry[] = { T_NAME, T_PASS, T_DROP, T_SPLIT, 0 };
static const int group_tail[] = { T_NAME, T_PASS, T_DROP, 0 };
static const int group_mapkey[] = { T_TO, T_FROM, T_PORT, T_ON, 0 };
static const int group_key[] = { T_TO, T_FROM, T_ON, 0 };

/* One phrase for what belongs together. V has room for all of them. */
static size_t phrases(struct scan *s, struct expected *e, const char **v)
{
	size_t n = 0;

	if (take(e, group_items) || take(e, group_rule))
		v[n++] = "a statement";
	if (take(e, group_match))
		v[n++] = "a match (`tcp`, `to`, `port`, ... or `any`)";
	if (take(e, group_clause))
		v[n++] = "a condition (`tcp`, `to`, `port`, ...)";
	if (take(e, group_operand)) {
		v[n++] = operand_text(s->before);
		e->has[T_NOT] = e->has[T_PORT] = false;
	} else if (take(e, group_element)) {
		v[n++] = "an address, a prefix, a number or a name";
		if (s->before == T_DEFAULT)
			e->has[T_DEFAULT] = false;
	}
	if (take(e, group_verdict))
		v[n++] = "a verdict (a socket name, `pass`, `drop`, `map` "
			"or `split`)";
	if (take(e, group_entry))
		v[n++] = "a verdict (a socket name, `pass`, `drop` or "
			"`split`)";
	if (take(e, group_tail))
		v[n++] = "a socket name, `pass` or `drop`";
	if (take(e, group_mapkey))
		v[n++] = "a key (`to`, `from`, `port`, `from port`, `on`)";
	if (take(e, group_key))
		v[n++] = "a key (`from`, `from port`, `to`, `to port`, "
			"`on`)";
	return n;
}

static const char *describe(struct scan *s, int token)
{
	const char *keyword = keyword_text(token);

	if (keyword)
		return arena_printf(s->parse->arena, "`%s`", keyword);
	if (token == T_NAME)
		return name_text(s->before);
	return token_text(token);
}

/* "a, b or c", or NULL when there is too much to say. */
static const char *wanted(struct scan *s, struct expected *e)
{
	const char *v[T_PERCENT + 16], *text = "";
	size_t n = phrases(s, e, v);
	bool brace = e->has[T_RBRACE] || e->has[T_BLOCK_END];

	if (brace)		/* a line may end there, but that is no news */
		e->has[T_END] = false;
	if (n)			/* nor that a range may begin */
		e->has[T_MINUS] = false;
	if (n && !strcmp(v[0], "a statement"))
		e->has[T_END] = e->has[T_YYEOF] = false;
	for (int t = 0; t <= T_PERCENT; t++) {
		const char *text = e->has[t] ? describe(s, t) : NULL;

		if (text)
			v[n++] = text;
	}
	if (!n || n > LISTED_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++)
		text = arena_printf(s->parse->arena, "%s%s%s", text,
				    !i ? "" : i + 1 < n ? ", " : " or ", v[i]);
	return text;
}

static const char *nearest(struct scan *s, struct place at,
			   const char *const *candidates, size_t n)
{
	const struct source_file *f = &s->parse->sources->files[at.file];

	if (at.end - at.begin > AST_NAME_MAX)
		return NULL;
	return diag_nearest(arena_strndup(s->parse->arena, f->text + at.begin,
					  at.end - at.begin), candidates, n);
}

/* The keyword among those expected that a wrong name was meant to be. */
static const char *meant(struct scan *s, const struct expected *e,
			 struct place at)
{
	const char *candidates[T_PERCENT + 1];
	size_t n = 0;

	for (int t = 0; t <= T_PERCENT; t++) {
		if (e->has[t] && keyword_text(t))
			candidates[n++] = keyword_text(t);
	}
	return nearest(s, at, candidates, n);
}

/*
 * The keyword that the first word of the statement, taken for the name of a
 * rule, was meant to be. A policy line or default that is only misspelt is
 * not missing.
 */
static const char *meant_first(struct scan *s)
{
	const char *candidates[T_PERCENT + 1], *word;
	size_t n = 0;

	for (const int *t = group_items; *t; t++) {
		if (keyword_text(*t))
			candidates[n++] = keyword_text(*t);
	}
	word = nearest(s, s->first_at, candidates, n);
	if (word && !strcmp(word, keyword_text(T_POLICY)))
		s->parse->saw_policy = true;
	if (word && !strcmp(word, keyword_text(T_DEFAULT)))
		s->parse->saw_default = true;
	return word;
}

static bool keyword_as_name(struct scan *s, int found, struct place at,
			    const struct expected *e)
{
	const char *text = keyword_text(found);
	struct diag *g;

	if (!text || !e->has[T_NAME] || s->restart ||
	    (s->before != T_POLICY && s->before != T_SOCKET &&
	     s->before != T_SET && s->before != T_MAP &&
	     s->before != T_PERCENT))
		return false;
	g = diag_add(s->parse->diags, DIAG_SYNTAX, &at,
		     "`%s` is a word of the language and cannot be a name",
		     text);
	g->label = arena_printf(s->parse->arena, "expected %s",
				name_text(s->before));
	g->help = arena_printf(s->parse->arena, "call it `%s1` or `my-%s`",
			       text, text);
	return true;
}

static bool keyword_as_label(struct scan *s, int found, struct place at)
{
	const char *text = keyword_text(s->before);
	struct diag *g;

	if (found != T_COLON || !text || s->first != s->before)
		return false;
	g = diag_add(s->parse->diags, DIAG_SYNTAX, &at,
		     "`%s` is a word of the language and cannot name a rule",
		     text);
	g->help = arena_printf(s->parse->arena, "call it `%s1` or `my-%s`",
			       text, text);
	return true;
}

static bool service_name(struct scan *s, int found, struct place at,
			 const struct expected *e)
{
	if (s->before != T_PORT || !e->has[T_INTEGER] || e->has[T_NAME] ||
	    (found != T_NAME && found != T_STRING))
		return false;
	diag_add(s->parse->diags, DIAG_SERVICE_NAME, &at,
		 "a port is a number, not %s", found_text(s, found, at))
		->help = "nothing is looked up when a policy is compiled: "
		"write the number";
	return true;
}

/* More than one value where a list has no braces, and where a match may go on. */
static bool is_bare_list(const struct scan *s, int found,
			 const struct expected *e)
{
	switch (s->before) {
	case T_INTEGER: case T_ADDRESS: case T_PREFIX: case T_NAME:
	case T_STRING:
		return found == T_COMMA &&
			(e->has[T_ARROW] || e->has[T_BLOCK]);
	}
	return false;
}

static const char *help_for(struct scan *s, int found, struct place at,
			    const struct expected *e)
{
	const char *word;

	if (e->has[T_COLON]) {
		word = meant_first(s);
		if (word)
			return arena_printf(s->parse->arena,
					    "did you mean `%s`?", word);
		return "a rule's name is followed by `:`";
	}
	if ((found == T_ARROW || found == T_ELSE) && s->before == T_END)
		return "break a long line after `->`, `,` or `else`, not "
			"before";
	if (found == T_ELSE && (s->before == T_PASS || s->before == T_DROP))
		return "`pass` and `drop` never fail: nothing comes after "
			"them";
	if (found == T_MAP && s->map)
		return "an entry of a map cannot ask a map";
	if (found == T_COLON && s->before == T_ADDRESS)
		return "a port is a word of its own: `192.0.2.1 port 443`";
	if (s->set && e->has[T_END])
		return "a file has one element a line";
	if (is_bare_list(s, found, e))
		return "several values are in braces: `{ 80, 443 }`";
	if (found == T_NAME) {
		word = meant(s, e, at);
		if (word)
			return arena_printf(s->parse->arena,
					    "did you mean `%s`?", word);
	}
	return NULL;
}

static void say(struct scan *s, int found, struct place at,
		struct expected *e)
{
	struct parse *p = s->parse;
	const char *help = help_for(s, found, at, e);
	const char *text = wanted(s, e);
	struct diag *g;

	if (text)
		g = diag_add(p->diags, DIAG_SYNTAX, &at,
			     "expected %s, found %s", text,
			     found_text(s, found, at));
	else
		g = diag_add(p->diags, DIAG_SYNTAX, &at,
			     "%s cannot stand here", found_text(s, found, at));
	g->help = help;
	if (found == T_YYEOF && s->nopen)	/* who knows what is in it */
		p->incomplete = true;
	if ((found == T_YYEOF || found == T_END ||
	     s->restart_blocks < s->blocks) && s->nopen) {
		g->also.place = s->open[(s->nopen < OPEN_KEPT ? s->nopen :
					 OPEN_KEPT) - 1];
		g->also.text = "this `{` is open";
	}
}

/* Columns of blanks before AT; -1 where something else is before it. */
static long blanks_before(struct scan *s, struct place at)
{
	const char *text = s->parse->sources->files[at.file].text;
	uint32_t i = at.begin;

	while (i && (text[i - 1] == ' ' || text[i - 1] == '\t'))
		i--;
	return i && text[i - 1] != '\n' ? -1 : (long)(at.begin - i);
}

static bool is_one_of(int token, const int *group)
{
	while (*group && *group != token)
		group++;
	return *group;
}

/*
 * A line that begins with a word for a statement begins one, even where the
 * line before has not ended. A word for an item, at the margin but in a block,
 * says that a `}` is missing.
 */
static bool begin_restart(struct scan *s, int found, struct place at)
{
	static const int items[] = { T_POLICY, T_INCLUDE, T_SOCKET, T_SET,
		T_MAP, T_DEFAULT, T_EXPECT, T_WHEN, 0 };
	bool inside = s->first_at.begin != at.begin, margin;
	long blanks;

	if (found == T_NAME || !is_one_of(found, group_items) || s->lists)
		return false;
	blanks = blanks_before(s, at);
	margin = !blanks && s->blocks && is_one_of(found, items);
	if (inside ? blanks < 0 : !margin)
		return false;
	scan_begin_restart(s, found, at, inside ? s->blocks : 0);
	return true;
}

/* Skip to the end of the statement, unless the token found is that end. */
static void begin_panic(struct scan *s, int found, struct place at)
{
	s->restart_blocks = s->blocks;
	if (found == T_YYEOF || found == T_BLOCK || found == T_BLOCK_END ||
	    (found == T_END && !s->lists) || begin_restart(s, found, at))
		return;
	s->panic = true;
	s->panic_blocks = s->blocks;
}

void syntax_error(struct scan *s, int found, struct place at,
		  const int *expected, size_t nexpected)
{
	struct expected e = { .n = nexpected };
	bool known = s->garbled || s->parse->told == at.begin + 1;

	for (size_t i = 0; i < nexpected; i++)
		e.has[expected[i]] = true;
	begin_panic(s, found, at);
	if (s->stop || known)
		return;
	if (!keyword_as_name(s, found, at, &e) &&
	    !keyword_as_label(s, found, at) &&
	    !service_name(s, found, at, &e))
		say(s, found, at, &e);
}

void syntax_too_deep(struct scan *s, struct place at)
{
	diag_add(s->parse->diags, DIAG_SYNTAX, &at,
		 "this is nested too deeply");
}
