/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse_state - what the files of the parser share; nobody else includes it
 *
 * struct parse lives as long as one parse_policy(), struct scan as long as
 * one file. scanner.l makes tokens of text, scan_token() (parse_scan.c) puts
 * them in the parser's hands, parser.y calls build_*() for each production
 * and syntax_error() for what is none.
 */
#ifndef SKPOL_PARSE_STATE_H
#define SKPOL_PARSE_STATE_H

#include "arena.h"
#include "parse.h"

enum { INCLUDE_DEPTH_MAX = 64, NO_TOKEN = -1 };
enum { OPEN_KEPT = 32 };	/* places of open braces kept for messages */

struct symbol {			/* a name or keyword; each text once */
	const char *text;
	uint32_t length, hash;
	int token;		/* T_NAME, or the keyword's */
};

struct parse {
	struct arena *arena;
	struct source_set *sources;
	struct diags *diags;
	struct ast *ast;
	struct symbol *symbols;		/* open addressing */
	size_t nsymbols, symbols_cap;	/* cap is a power of two */
	struct included {
		uint32_t file;
		struct place place;	/* the include's string; main: 0..0 */
	} *included;
	size_t nincluded, included_cap;
	unsigned int depth;		/* of includes */
	bool saw_policy, saw_default;	/* even if in a broken line */
	bool incomplete;		/* a file is missing */
	uint32_t told;			/* where the last bad address begins, + 1 */
	struct place default_place;
	struct ast_verdict *spare;	/* to be used again */
};

struct description {
	uint32_t begin;			/* of the token it stands before */
	const char *text;
};

struct scan {
	struct parse *parse;
	void *scanner;			/* flex's */
	uint32_t file, offset;
	int start;			/* token to hand out first, if any */
	struct place start_place;
	bool restart;			/* end what is open, then START */
	size_t restart_blocks;		/* those that stay open */
	struct ast_set *set;		/* where START_SET_FILE's elements go */
	struct ast_map *map;		/* the one whose entries are read */
	struct ast_entry entry;		/* being read */
	/* tokens so far */
	bool can_end;			/* a newline now ends the statement */
	bool fresh_line;		/* no token on this line yet */
	int previous, before;		/* the last two tokens */
	int first;			/* of the statement; or NO_TOKEN */
	struct place first_at;
	struct place open[OPEN_KEPT];	/* the open braces, outermost first */
	size_t nopen;			/* how many there are */
	size_t blocks, lists;		/* how many of them; lists: innermost */
	size_t map_block;		/* the block of a map; 0 = none */
	/*
	 * In this statement something was read that is no token, and said:
	 * what the parser then stumbles over is no mistake of its own.
	 */
	bool garbled;
	bool panic;			/* skip to the end of the statement */
	size_t panic_blocks;
	bool stop;			/* enough errors: no token more */
	/* the "##" lines just read, and those that found their token */
	char *pending;
	size_t pending_len, pending_cap;
	struct description *descriptions;
	size_t ndescriptions, descriptions_cap;
};

struct list {			/* of statements */
	struct ast_statement *first, *last;
};

struct clause {
	enum clause_kind {
		CLAUSE_PROTOCOL, CLAUSE_FAMILY, CLAUSE_FROM, CLAUSE_TO,
		CLAUSE_PORT, CLAUSE_ON,
	} kind;
	uint8_t mask;
	struct ast_side *side;
	struct ast_operand *operand;
	struct place place;
};

/* scanner.l: one token with its value and place */
union skl_value;
int skl_lex(union skl_value *v, struct place *at, struct scan *s);
void scanner_open(struct scan *s);
/* Gives the text back as it was. */
void scanner_close(struct scan *s);

/* parse_scan.c */
struct symbol *symbol_get(struct parse *p, const char *text, size_t len,
			  bool *is_new);
void scan_describe(struct scan *s, const char *text, size_t len);
const char *scan_description(const struct scan *s, struct place at);
/* Keeps the books for TOKEN, turns braces into blocks; returns the token. */
int scan_note(struct scan *s, int token, struct place at);
bool scan_resumes(struct scan *s, int token);
/* The parser goes on with TOKEN as if all but BLOCKS blocks ended before it. */
void scan_begin_restart(struct scan *s, int token, struct place at,
			size_t blocks);
int scan_restart(struct scan *s, struct place *at);

/* parse_literal.c: text (NUL-terminated) to value; mistakes are reported. */
void literal_address(struct parse *p, struct place at, const char *text,
		     size_t len, struct ast_element *e);
void literal_prefix(struct parse *p, struct place at, const char *text,
		    size_t len, struct ast_element *e);
void literal_integer(struct scan *s, struct place at, const char *text,
		     size_t len, struct ast_element *e);
uint32_t literal_percent(struct parse *p, struct place at, const char *text,
			 size_t len);
/* Reports what TEXT of a comment or string must not hold; true if clean. */
bool literal_check(struct parse *p, struct place at, const char *text,
		   size_t len, bool comment);
void literal_bad_byte(struct parse *p, struct place at, const char *text,
		      size_t len);

/* parse_build.c: the parts of a statement */
struct ast_element build_range(struct parse *p, const struct ast_element *low,
			       const struct ast_element *high,
			       struct place at);
uint16_t build_port(struct parse *p, const struct ast_element *e);
void build_ports(struct parse *p, const struct ast_elements *e);
struct ast_side *build_side(struct parse *p, const struct ast_operand *address,
			    const struct ast_operand *port);
void build_clause(struct parse *p, struct ast_match *m,
		  const struct clause *c);
struct ast_rule *build_modifier(struct parse *p, struct ast_rule *r,
				bool trace, struct place word,
				struct place at);
struct ast_verdict *build_verdict(struct parse *p, enum ast_verdict_kind k);
/* The verdict by value; its memory is used again. */
struct ast_verdict build_take(struct parse *p, struct ast_verdict *v);
void build_choice(struct parse *p, struct ast_verdict *v,
		  const struct ast_choice *c);
unsigned int build_flag(struct parse *p, unsigned int flags,
			unsigned int flag, struct place at);
struct ast_verdict *build_else(struct parse *p, struct ast_verdict *split,
			       struct ast_verdict *v, bool simple);
void build_key(struct parse *p, struct ast_key_list *k, enum ast_key key,
	       struct place at);

/* parse_item.c: the items of a file */
struct ast_socket *build_socket_mask(struct scan *s, struct ast_socket *k,
				     unsigned int protocol,
				     unsigned int family, struct place at);
struct ast_entry *build_entry(struct scan *s);
void build_policy(struct scan *s, struct ast_name name, struct place at);
void build_default(struct scan *s, struct ast_rule *rule, struct place at);
void build_statement(struct scan *s, struct ast_statement *t);
void build_socket(struct scan *s, struct ast_socket *socket);
void build_set(struct scan *s, struct ast_set *set);
void build_map(struct scan *s, struct ast_map *map);
void build_expect(struct scan *s, struct ast_expect *expect);

/* parse.c */
void parse_include(struct scan *s, const char *path, struct place string,
		   struct place at);
void parse_set_file(struct scan *s, struct ast_set *set);
void parse_map_file(struct scan *s, struct ast_map *map);

/* parse_error.c: tokens, not symbol kinds */
void syntax_error(struct scan *s, int found, struct place at,
		  const int *expected, size_t nexpected);
void syntax_too_deep(struct scan *s, struct place at);

#endif
