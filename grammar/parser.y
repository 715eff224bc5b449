/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parser - tokens to syntax tree
 *
 * In: the tokens of one file, led by a pseudo token that says what kind of
 * file it is. Out: the tree's lists, grown in place. Promise: no conflicts;
 * after an error the parser goes on with the next statement, and an error in
 * the head of a block does not hide those of its body.
 *
 * `port` behind an operand of `from` or `to` belongs to that side (the two
 * %precedence lines). Braces come in two kinds, told apart by the scanner, so
 * that recovery inside a block never runs past its end.
 */
%code requires {
#include "parse_state.h"
}

%code {
/* Not longer than nesting that later stages can recurse through. */
#define YYMAXDEPTH 4000
#define YYINITDEPTH 64

#define YYLLOC_DEFAULT(cur, rhs, n) do {				     \
	if (n)								     \
		(cur) = (struct place) { YYRHSLOC(rhs, 1).file,		     \
			YYRHSLOC(rhs, 1).begin, YYRHSLOC(rhs, n).end };      \
	else								     \
		(cur) = (struct place) { YYRHSLOC(rhs, 0).file,		     \
			YYRHSLOC(rhs, 0).end, YYRHSLOC(rhs, 0).end };	     \
} while (0)

#define NEW(type) ((struct type *)arena_alloc(s->parse->arena,		     \
					      sizeof(struct type)))
#define PUSH(list, field) (*arena_push(s->parse->arena, (list)->field,	     \
				       (list)->n##field, (list)->field##_cap))

static void skl_error(struct place *at, struct scan *s, const char *message);
static void broken_head(struct scan *s, int *token, union skl_value *v,
			struct place *at);

static void push(struct scan *s, struct ast_elements *l,
		 const struct ast_element *e)
{
	*arena_push(s->parse->arena, l->v, l->n, l->cap) = *e;
}

static void append(struct list *l, struct ast_statement *t)
{
	if (!t)
		return;
	if (l->last)
		l->last->next = t;
	else
		l->first = t;
	l->last = t;
}

static void push_entry(struct scan *s, struct ast_map *m,
		       const struct ast_entry *e)
{
	if (m)
		*arena_push(s->parse->arena, m->entries, m->nentries,
			    m->cap) = *e;
}
}

%define api.pure full
%define api.prefix {skl_}
%define api.token.prefix {T_}
%define api.location.type {struct place}
%define api.value.type {union skl_value}
%define parse.error custom
%define parse.lac full
%locations
%expect 0
%param { struct scan *s }

%code requires {
union skl_value {
	struct ast_element element;
	struct ast_name name;
	uint32_t parts;
	unsigned int bits;
	struct ast_elements elements;
	struct ast_operand *operand;
	struct ast_side *side;
	struct clause clause;
	struct ast_match *match;
	struct ast_verdict *verdict;
	struct ast_choice choice;
	struct ast_key_list keys;
	struct ast_rule *rule;
	struct ast_statement *statement;
	struct list list;
	struct ast_socket *socket;
	struct ast_set *set;
	struct ast_map *map;
	struct ast_entry *entry;
	struct ast_expect *expect;
	struct ast_goal goal;
};
}

%token YYEOF 0
%token START_POLICY START_SET_FILE START_MAP_FILE
%token POLICY INCLUDE SOCKET SET MAP DEFAULT EXPECT WHEN ANY TCP UDP IP4 IP6
%token FROM TO PORT ON NOT PASS DROP ELSE SPLIT BY AT FILE COUNT TRACE
%token NO_REUSEPORT REPLACE
%token END LBRACE RBRACE BLOCK BLOCK_END COMMA COLON EQUALS MINUS ARROW
%token <name> NAME STRING
%token <element> INTEGER ADDRESS PREFIX
%token <parts> PERCENT

%precedence SIDE
%precedence PORT

%type <element> element
%type <elements> elements set keylist
%type <operand> operand plain_operand
%type <side> side
%type <bits> proto family flags
%type <clause> clause
%type <match> match clauses
%type <verdict> verdict entry_verdict simple chain choices split shares
%type <verdict> sharelist split_head
%type <choice> choice
%type <keys> keys mapkeys
%type <bits> key mapkey
%type <rule> unnamed rule default
%type <statement> statement
%type <list> body block
%type <socket> socket socket_head
%type <set> set_head
%type <map> map_head
%type <entry> entry keypart
%type <expect> expect goals goallist
%type <goal> goal

%%

file:
	START_POLICY items
|	START_SET_FILE set_lines
|	START_MAP_FILE entries
;

items:
	%empty
|	items END
|	items item END
|	items error END			{ yyerrok; }
;

item:
	POLICY NAME			{ build_policy(s, $2, @$); }
|	INCLUDE STRING			{ parse_include(s, $2.text, @2, @$); }
|	socket				{ build_socket(s, $1); }
|	set_item
|	map_item
|	default				{ build_default(s, $1, @$); }
|	expect				{ build_expect(s, $1); }
|	statement			{ if ($1) build_statement(s, $1); }
;

socket_head:
	SOCKET NAME
	{
		$$ = NEW(ast_socket);
		$$->name = $2;
		$$->place = @$;
		$$->description = scan_description(s, @$);
	}
|	socket_head[h] proto		{ $$ = build_socket_mask(s, $h, $proto, 0, @proto); }
|	socket_head[h] family		{ $$ = build_socket_mask(s, $h, 0, $family, @family); }
;

socket:
	socket_head			{ $$ = $1; $$->place = @$; }
|	socket_head AT ADDRESS PORT INTEGER
	{
		$$ = $1;
		$$->at = true;
		$$->at_family = $3.family;
		$$->at_address = $3.low;
		$$->at_place = (struct place) { @2.file, @2.begin, @5.end };
		$$->at_port = build_port(s->parse, &$5);
		$$->place = @$;
	}
;

proto:
	TCP				{ $$ = AST_TCP; }
|	UDP				{ $$ = AST_UDP; }
;

family:
	IP4				{ $$ = AST_IP4; }
|	IP6				{ $$ = AST_IP6; }
;

set_head:
	SET NAME EQUALS
	{
		$$ = NEW(ast_set);
		$$->name = $2;
		$$->description = scan_description(s, @$);
	}
;

set_item:
	set_head set
	{
		$1->elements = $2;
		$1->place = @$;
		build_set(s, $1);
	}
|	set_head FILE STRING
	{
		$1->file = $3.text;
		$1->file_place = @3;
		$1->place = @$;
		build_set(s, $1);
		parse_set_file(s, $1);
	}
;

map_head:
	MAP NAME BY mapkeys
	{
		$$ = NEW(ast_map);
		$$->name = $2;
		$$->keys = $4;
		$$->place = @$;
		$$->description = scan_description(s, @$);
	}
;

map_item:
	map_head BLOCK			{ s->map = $1; }
	map_body BLOCK_END
	{
		s->map = NULL;
		$1->place = @$;
		build_map(s, $1);
	}
|	map_head EQUALS FILE STRING
	{
		$1->file = $4.text;
		$1->file_place = @4;
		$1->place = @$;
		build_map(s, $1);
		parse_map_file(s, $1);
	}
|	MAP error			{ broken_head(s, &yychar, &yylval, &yylloc); yyerrok; }
	broken_map
;

broken_map:
	%empty
|	BLOCK map_body BLOCK_END
;

map_body:
	entries
|	entries error			{ yyerrok; }
;

entries:
	%empty
|	entries END
|	entries entry END		{ push_entry(s, s->map, $2); }
|	entries error END		{ yyerrok; }
;

entry:
	keypart ARROW entry_verdict
	{
		$$ = $1;
		$$->verdict = build_take(s->parse, $3);
		$$->place = @$;
	}
|	DEFAULT ARROW entry_verdict
	{
		$$ = build_entry(s);
		$$->is_default = true;
		$$->verdict = build_take(s->parse, $3);
		$$->place = @$;
	}
;

keypart:
	keylist
	{
		$$ = build_entry(s);
		$$->keys = $1;
	}
|	keylist PORT keylist
	{
		$$ = build_entry(s);
		$$->keys = $1;
		$$->ports = $3;
		build_ports(s->parse, &$3);
	}
;

keylist:
	element				{ $$ = (struct ast_elements) { 0 }; push(s, &$$, &$1); }
|	keylist COMMA element		{ $$ = $1; push(s, &$$, &$3); }
;

mapkeys:
	mapkey				{ $$ = (struct ast_key_list) { 0 }; build_key(s->parse, &$$, $1, @1); }
|	mapkeys COMMA mapkey		{ $$ = $1; build_key(s->parse, &$$, $3, @3); }
;

mapkey:
	TO				{ $$ = AST_KEY_TO; }
|	FROM				{ $$ = AST_KEY_FROM; }
|	PORT				{ $$ = AST_KEY_PORT; }
|	FROM PORT			{ $$ = AST_KEY_FROM_PORT; }
|	ON				{ $$ = AST_KEY_ON; }
;

set_lines:
	%empty
|	set_lines END
|	set_lines element END		{ if (s->set) push(s, &s->set->elements, &$2); }
|	set_lines error END		{ yyerrok; }
;

default:
	DEFAULT ARROW verdict
	{
		$$ = NEW(ast_rule);
		$$->match.any = true;
		$$->match.place = @1;
		$$->verdict = build_take(s->parse, $3);
		$$->description = scan_description(s, @$);
		$$->place = @$;
	}
|	default[r] COUNT		{ $$ = build_modifier(s->parse, $r, false, @2, @$); }
|	default[r] TRACE		{ $$ = build_modifier(s->parse, $r, true, @2, @$); }
;

expect:
	EXPECT match ARROW goal
	{
		$$ = NEW(ast_expect);
		$$->match = *$2;
		PUSH($$, goals) = $4;
		$$->place = @$;
		$$->description = scan_description(s, @$);
	}
|	EXPECT match ARROW LBRACE goallist RBRACE
	{
		$$ = $5;
		$$->match = *$2;
		$$->braces = true;
		$$->place = @$;
		$$->description = scan_description(s, @$);
	}
;

goallist:
	goals
|	goals sep
;

goals:
	goal				{ $$ = NEW(ast_expect); PUSH($$, goals) = $1; }
|	goals sep goal			{ $$ = $1; PUSH($$, goals) = $3; }
;

goal:
	PASS				{ $$ = (struct ast_goal) { AST_PASS, { 0 }, @1 }; }
|	DROP				{ $$ = (struct ast_goal) { AST_DROP, { 0 }, @1 }; }
|	NAME				{ $$ = (struct ast_goal) { AST_CHAIN, $1, @1 }; }
;

statement:
	rule
	{
		$$ = NEW(ast_statement);
		$$->kind = AST_RULE;
		$$->rule = *$1;
		$$->place = @$;
	}
|	WHEN match block
	{
		$$ = NEW(ast_statement);
		$$->kind = AST_WHEN;
		$$->when = *$2;
		$$->body = $3.first;
		$$->place = @$;
	}
|	WHEN error			{ broken_head(s, &yychar, &yylval, &yylloc); yyerrok; }
	broken_block			{ $$ = NULL; }
;

broken_block:
	%empty
|	block				{ (void)$1; }
;

block:
	BLOCK body BLOCK_END		{ $$ = $2; }
|	BLOCK body error BLOCK_END	{ $$ = $2; yyerrok; }
;

body:
	%empty				{ $$ = (struct list) { 0 }; }
|	body END			{ $$ = $1; }
|	body statement END		{ $$ = $1; append(&$$, $2); }
|	body error END			{ $$ = $1; yyerrok; }
;

rule:
	unnamed
	{
		$$ = $1;
		$$->place = @$;
		$$->description = scan_description(s, @$);
	}
|	NAME COLON unnamed
	{
		$$ = $3;
		$$->name = $1;
		$$->place = @$;
		$$->description = scan_description(s, @$);
	}
;

unnamed:
	match ARROW verdict
	{
		$$ = NEW(ast_rule);
		$$->match = *$1;
		$$->verdict = build_take(s->parse, $3);
	}
|	unnamed[r] COUNT		{ $$ = build_modifier(s->parse, $r, false, @2, @$); }
|	unnamed[r] TRACE		{ $$ = build_modifier(s->parse, $r, true, @2, @$); }
;

match:
	ANY				{ $$ = NEW(ast_match); $$->any = true; $$->place = @$; }
|	clauses				{ $$ = $1; $$->place = @$; }
;

clauses:
	clause				{ $$ = NEW(ast_match); build_clause(s->parse, $$, &$1); }
|	clauses clause			{ $$ = $1; build_clause(s->parse, $$, &$2); }
;

clause:
	proto				{ $$ = (struct clause) { .kind = CLAUSE_PROTOCOL, .mask = $1, .place = @$ }; }
|	family				{ $$ = (struct clause) { .kind = CLAUSE_FAMILY, .mask = $1, .place = @$ }; }
|	FROM side			{ $$ = (struct clause) { .kind = CLAUSE_FROM, .side = $2, .place = @$ }; }
|	TO side				{ $$ = (struct clause) { .kind = CLAUSE_TO, .side = $2, .place = @$ }; }
|	PORT operand			{ $$ = (struct clause) { .kind = CLAUSE_PORT, .operand = $2, .place = @$ }; build_ports(s->parse, &$2->elements); }
|	ON operand			{ $$ = (struct clause) { .kind = CLAUSE_ON, .operand = $2, .place = @$ }; }
;

side:
	operand		%prec SIDE	{ $$ = build_side(s->parse, $1, NULL); }
|	operand PORT operand		{ $$ = build_side(s->parse, $1, $3); }
|	PORT operand			{ $$ = build_side(s->parse, NULL, $2); }
;

operand:
	plain_operand			{ $$ = $1; $$->place = @$; }
|	NOT plain_operand		{ $$ = $2; $$->negated = true; $$->place = @$; }
;

plain_operand:
	element				{ $$ = NEW(ast_operand); $$->present = true; push(s, &$$->elements, &$1); }
|	set				{ $$ = NEW(ast_operand); $$->present = $$->braces = true; $$->elements = $1; }
;

set:
	LBRACE RBRACE			{ $$ = (struct ast_elements) { 0 }; }
|	LBRACE elements RBRACE		{ $$ = $2; }
|	LBRACE elements sep RBRACE	{ $$ = $2; }
;

elements:
	element				{ $$ = (struct ast_elements) { 0 }; push(s, &$$, &$1); }
|	elements sep element		{ $$ = $1; push(s, &$$, &$3); }
;

sep:
	COMMA
|	END
|	sep COMMA
|	sep END
;

element:
	NAME				{ $$ = (struct ast_element) { .kind = AST_NAME_REF, .text = $1.text, .place = @1 }; }
|	STRING				{ $$ = (struct ast_element) { .kind = AST_STRING, .text = $1.text, .place = @1 }; }
|	PREFIX				{ $$ = $1; $$.place = @1; }
|	ADDRESS				{ $$ = $1; $$.place = @1; }
|	INTEGER				{ $$ = $1; $$.place = @1; }
|	ADDRESS MINUS ADDRESS		{ $$ = build_range(s->parse, &$1, &$3, @$); }
|	INTEGER MINUS INTEGER		{ $$ = build_range(s->parse, &$1, &$3, @$); }
;

verdict:
	entry_verdict
|	MAP NAME
	{
		$$ = build_verdict(s->parse, AST_MAP);
		$$->map = $2;
		$$->place = @$;
	}
;

entry_verdict:
	simple				{ $$ = $1; $$->place = @$; }
|	chain				{ $$ = $1; $$->place = @$; }
|	split				{ $$ = $1; $$->place = @$; }
;

simple:
	PASS				{ $$ = build_verdict(s->parse, AST_PASS); $$->tail = AST_PASS; }
|	DROP				{ $$ = build_verdict(s->parse, AST_DROP); }
;

chain:
	choices
|	choices ELSE PASS		{ $$ = $1; $$->tail_said = true; $$->tail = AST_PASS; }
|	choices ELSE DROP		{ $$ = $1; $$->tail_said = true; }
;

choices:
	choice				{ $$ = build_verdict(s->parse, AST_CHAIN); build_choice(s->parse, $$, &$1); }
|	choices ELSE choice		{ $$ = $1; build_choice(s->parse, $$, &$3); }
;

choice:
	NAME flags			{ $$ = (struct ast_choice) { $1, (uint8_t)$2 }; }
;

flags:
	%empty				{ $$ = 0; }
|	flags[f] NO_REUSEPORT		{ $$ = build_flag(s->parse, $f, AST_NO_REUSEPORT, @2); }
|	flags[f] REPLACE		{ $$ = build_flag(s->parse, $f, AST_REPLACE, @2); }
;

split:
	split_head
|	split_head ELSE simple		{ $$ = build_else(s->parse, $1, $3, true); }
|	split_head ELSE chain		{ $$ = build_else(s->parse, $1, $3, false); }
;

split_head:
	SPLIT BY keys LBRACE sharelist RBRACE	{ $$ = $5; $$->keys = $3; }
;

sharelist:
	shares
|	shares sep
;

shares:
	PERCENT NAME
	{
		$$ = build_verdict(s->parse, AST_SPLIT);
		PUSH($$, shares) = (struct ast_share) { $1, $2, @$ };
	}
|	shares sep PERCENT NAME
	{
		$$ = $1;
		PUSH($$, shares) = (struct ast_share) { $3, $4,
			{ @3.file, @3.begin, @4.end } };
	}
;

keys:
	key				{ $$ = (struct ast_key_list) { 0 }; build_key(s->parse, &$$, $1, @1); }
|	keys COMMA key			{ $$ = $1; build_key(s->parse, &$$, $3, @3); }
;

key:
	FROM				{ $$ = AST_KEY_FROM; }
|	FROM PORT			{ $$ = AST_KEY_FROM_PORT; }
|	TO				{ $$ = AST_KEY_TO; }
|	TO PORT				{ $$ = AST_KEY_PORT; }
|	ON				{ $$ = AST_KEY_ON; }
;

%%

/* bison's symbol as the scanner's token. */
static int token_of(yysymbol_kind_t kind)
{
	for (int token = T_START_POLICY; token <= T_PERCENT; token++) {
		if (YYTRANSLATE(token) == kind)
			return token;
	}
	return T_YYEOF;
}

static int yyreport_syntax_error(const yypcontext_t *c, struct scan *s)
{
	yysymbol_kind_t kinds[YYNTOKENS];
	int tokens[YYNTOKENS], n;

	n = yypcontext_expected_tokens(c, kinds, YYNTOKENS);
	if (n < 0)
		n = 0;		/* YYENOMEM: say what was found, at least */
	for (int i = 0; i < n; i++)
		tokens[i] = token_of(kinds[i]);
	syntax_error(s, token_of(yypcontext_token(c)),
		     *yypcontext_location(c), tokens, (size_t)n);
	return 0;
}

/*
 * Behind the broken head of a block: makes the next token `{` or the end of
 * the statement. Any other would be an error at the same place, again and
 * again: it is skipped, or comes after an end that is put in front of it.
 */
static void broken_head(struct scan *s, int *token, union skl_value *v,
			struct place *at)
{
	if (s->panic || *token == T_SKL_EMPTY)
		*token = skl_lex(v, at, s);
	if (*token == T_BLOCK || *token == T_END)
		return;
	s->start = *token;
	s->start_place = *at;
	*token = T_END;
}

/* Only ever "memory exhausted": the stack is at YYMAXDEPTH. */
static void skl_error(struct place *at, struct scan *s, const char *message)
{
	(void)message;
	syntax_too_deep(s, *at);
}
