/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skpolc - the command line, up to the verb's own function
 *
 * In: argv. Out: an exit status. Options may stand before or after the verb.
 */
#include "../grammar/progress_bar.h"
#include "../runtime/objfile.h"
#include "skpolc.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	OPT_TARGET = 256, OPT_EMIT, OPT_REPORT, OPT_DENY, OPT_DIAGNOSTICS,
	OPT_ENGINE, OPT_JSON, OPT_PROFILE, OPT_MAX_INSTRUCTIONS, OPT_MAX_TABLES,
	OPT_VERSION,
};

static const struct option long_options[] = {
	{ "target-kernel", required_argument, NULL, OPT_TARGET },
	{ "max-instructions", required_argument, NULL, OPT_MAX_INSTRUCTIONS },
	{ "max-tables", required_argument, NULL, OPT_MAX_TABLES },
	{ "emit", required_argument, NULL, OPT_EMIT },
	{ "profile", required_argument, NULL, OPT_PROFILE },
	{ "report", no_argument, NULL, OPT_REPORT },
	{ "deny", required_argument, NULL, OPT_DENY },
	{ "diagnostics", required_argument, NULL, OPT_DIAGNOSTICS },
	{ "engine", required_argument, NULL, OPT_ENGINE },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "output", required_argument, NULL, 'o' },
	{ "write", no_argument, NULL, 'w' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static const char option_text[] =
"  -o, --output FILE       compile, fmt, json: where to; `-` is stdout\n"
"  -O0, -O1, -O2           how much to optimize (2)\n"
"      --target-kernel V   5.10, 5.17, 6.1, 6.12 or 6.18; the oldest that can\n"
"      --max-instructions N, --max-tables BYTES\n"
"                          no larger program (1000000, 512M)\n"
"      --emit WHAT         compile: obj, asm, dot, json or rules\n"
"      --profile FILE      weigh rules by hits, from `skpol stats --profile`\n"
"      --report            compile, check, json: what was made, and how\n"
"      --engine E          verdicts: rules, diagram or bytes (bytes)\n"
"      --json              explain, diff, --report: as JSON\n"
"  -w, --write             fmt: rewrite the file\n"
"  -Wno-NAME               do not report the warning NAME\n"
"      --deny NAME         make the warning NAME an error (`all`: every one)\n"
"      --diagnostics json  diagnostics as JSON\n"
"      --version, --help\n";

/* Options that some verbs take only. */
enum { OPTION_OUTPUT = 1, OPTION_WRITE = 2, OPTION_EMIT = 4, OPTION_REPORT = 8,
       OPTION_ENGINE = 16, OPTION_JSON = 32 };

static const struct verb {
	const char *name, *arguments, *text;
	int least, most;
	unsigned int options;
	int (*run)(struct skpolc *k);
} verbs[] = {
#define O(name) | OPTION_##name
#define SKPOLC_VERB(name, arguments, least, most, options, text) \
	{ #name, arguments, text, least, most, 0 options, skpolc_##name },
#include "skpolc_verb.def"
#undef SKPOLC_VERB
#undef O
};

enum { VERBS = sizeof(verbs) / sizeof(*verbs) };

int skpolc_error(int status, const char *fmt, ...)
{
	va_list ap;

	fputs("skpolc: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return status;
}

int skpolc_flush(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	return skpolc_error(EXIT_SYSTEM, "cannot write the output");
}

static int help(void)
{
	puts("usage: skpolc FILE.skl -o FILE.o\n       skpolc VERB ...\n");
	for (int i = 0; i < VERBS; i++) {
		char left[48];

		snprintf(left, sizeof(left), "%s %s", verbs[i].name,
			 verbs[i].arguments);
		printf("  %-36s %s\n", left, verbs[i].text);
	}
	printf("\n%s", option_text);
	return skpolc_flush();
}

/* ------------------------------------------------------- diagnostics */

static void prepare(void *ctx, struct diags *d)
{
	const struct skpolc *k = ctx;

	for (size_t i = 0; i < k->ndenied; i++) {
		bool all = !strcmp(k->denied[i], "all");

		for (int id = 0; id < DIAG_COUNT; id++)
			if (all || !strcmp(diag_name(id), k->denied[i]))
				d->denied[id] = true;
	}
	for (size_t i = 0; i < k->nsilent; i++)
		d->silent[diag_by_name(k->silent[i])] = true;
	for (int id = 0; k->quiet && id < DIAG_COUNT; id++)
		d->silent[id] |= id != DIAG_UNPROVED && !d->denied[id];
}

static void print_diagnostics(const struct skpolc *k, struct compiled *c)
{
	bool colour = isatty(STDERR_FILENO) && !getenv("NO_COLOR");

	if (k->diagnostics_json)
		diag_print_json(&c->diags, stderr);
	else
		diag_print(&c->diags, stderr, colour);
}

/* What is not looked for is said, not silently missed. */
static void note_forest(const struct skpolc *k, const struct compiled *c)
{
	if (!c->forest || k->diagnostics_json ||
	    c->diags.silent[DIAG_REDUNDANT_RULE])
		return;
	fputs("note: too many rules overlap to look for redundant rules, and "
	      "for rules that\n      only several others together hide "
	      "(-Wno-redundant-rule silences this)\n", stderr);
}

/* Ours, not the policy's. */
static bool is_internal(const struct compiled *c)
{
	for (const struct diag *d = c->diags.first; d; d = d->next)
		if (d->id == DIAG_INTERNAL)
			return true;
	return false;
}

int skpolc_load(struct skpolc *k, const char *path, enum compile_until until,
		struct compiled *c)
{
	struct progress progress = { 0 };
	struct progress_bar *bar;
	int err = skpolc_read_profile(k);

	if (err)
		return err;
	k->options.until = until;
	k->options.no_lint = k->quiet && !k->ndenied;
	k->options.prepare = prepare;
	k->options.ctx = k;
	k->options.progress = &progress;
	bar = progress_bar_begin(&progress);
	err = compile(c, path, &k->options);
	progress_bar_end(bar);
	if (err == -ENOMEM)
		return skpolc_error(EXIT_SYSTEM, "%s: not enough memory", path);
	if (err)
		return skpolc_error(EXIT_INPUT, "cannot read %s: %s", path,
				    strerror(-err));
	print_diagnostics(k, c);
	if (!c->diags.nerrors) {
		note_forest(k, c);
		return 0;
	}
	err = is_internal(c) ? EXIT_INTERNAL : EXIT_INPUT;
	compiled_free(c);
	return err;
}

int skpolc_load_object(struct skpolc *k, const char *path,
		       const struct objfile *o, struct compiled *c)
{
	struct compile_options saved = k->options;
	int status;

	k->options.text = json_string_value(json_object_get(o->manifest,
							    "text"));
	k->options.size = strlen(k->options.text);
	k->options.name = path;
	k->options.target = target_find("6.18");
	status = skpolc_load(k, path, COMPILE_PROVED, c);
	k->options = saved;
	return status;
}

int skpolc_load_either(struct skpolc *k, const char *path,
		       enum compile_until until, struct compiled *c,
		       json_t **manifest)
{
	char error[OBJFILE_ERROR_MAX];
	struct objfile *o;
	int status;

	if (!skpolc_is_object(path))
		return skpolc_load(k, path, until, c);
	if (objfile_open(path, &o, error))
		return skpolc_error(EXIT_INPUT, "%s: %s", path, error);
	status = skpolc_load_object(k, path, o, c);
	*manifest = json_incref(o->manifest);
	objfile_free(o);
	return status;
}

bool skpolc_is_object(const char *path)
{
	char magic[4] = "";
	FILE *f = strcmp(path, "-") ? fopen(path, "rbe") : NULL;
	bool is = f && fread(magic, 1, 4, f) == 4 &&
		!memcmp(magic, "\177ELF", 4);

	if (f)
		fclose(f);
	return is;
}

/* ----------------------------------------------------------- options */

static int add_name(const char *name, const char **v, size_t *n)
{
	bool all = !strcmp(name, "all") && v;

	if (!all && diag_by_name(name) == DIAG_COUNT)
		return skpolc_error(EXIT_USAGE, "there is no diagnostic `%s`",
				    name);
	for (size_t i = 0; i < *n; i++)
		if (!strcmp(v[i], name))
			return 0;
	v[(*n)++] = name;
	return 0;
}

static int warning(struct skpolc *k, const char *text)
{
	if (strncmp(text, "no-", 3))
		return skpolc_error(EXIT_USAGE, "write -Wno-NAME, not -W%s",
				    text);
	if (diag_by_name(text + 3) == DIAG_COUNT)
		return skpolc_error(EXIT_USAGE, "there is no diagnostic `%s`",
				    text + 3);
	return add_name(text + 3, k->silent, &k->nsilent);
}

static int target(struct skpolc *k, const char *name)
{
	k->options.target = target_find(name);
	if (k->options.target)
		return 0;
	return skpolc_error(EXIT_USAGE, "unknown kernel `%s`: take 5.10, "
			    "5.17, 6.1, 6.12 or 6.18", name);
}

static int level(struct skpolc *k, const char *text)
{
	if (text[0] < '0' || text[0] > '2' || text[1])
		return skpolc_error(EXIT_USAGE, "write -O0, -O1 or -O2");
	k->options.optimize = (unsigned int)(text[0] - '0');
	return 0;
}

/* Whether TEXT is one of the words in LIST, each between blanks. */
static int one_of(const char *option, const char *text, const char *list)
{
	char word[32];

	snprintf(word, sizeof(word), " %.28s ", text);
	if (!strchr(text, ' ') && strstr(list, word))
		return 0;
	return skpolc_error(EXIT_USAGE, "--%s takes one of%s", option, list);
}

/* optarg: a number from 1 to MOST, which may end in K, M or G. */
static int limit(const char *option, size_t most, size_t *out)
{
	static const char units[] = "KMG";
	const char *unit;
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(optarg, &end, 10);
	unit = *end ? strchr(units, *end) : NULL;
	if (unit && !errno) {
		n = n > most ? n : n << 10 * (unit - units + 1);
		end++;
	}
	if (errno || *end || end == optarg || *optarg == '-' || !n || n > most)
		return skpolc_error(EXIT_USAGE, "--%s takes a number from 1 to "
				    "%zu; it may end in K, M or G", option, most);
	*out = (size_t)n;
	return 0;
}

static int option(struct skpolc *k, int got)
{
	switch (got) {
	case 'o':
		k->output = optarg;
		return 0;
	case 'O':
		return level(k, optarg);
	case 'W':
		return warning(k, optarg);
	case 'w':
		k->write = true;
		return 0;
	case OPT_TARGET:
		return target(k, optarg);
	case OPT_MAX_INSTRUCTIONS:
		return limit("max-instructions", 1000000,
			     &k->options.max_instructions);
	case OPT_MAX_TABLES:
		return limit("max-tables", (size_t)512 << 20,
			     &k->options.max_tables);
	case OPT_EMIT:
		k->emit = optarg;
		return one_of("emit", optarg, " obj asm dot json rules ");
	case OPT_PROFILE:
		k->profile = optarg;
		return 0;
	case OPT_REPORT:
		k->report = true;
		return 0;
	case OPT_DENY:
		return add_name(optarg, k->denied, &k->ndenied);
	case OPT_DIAGNOSTICS:
		k->diagnostics_json = !strcmp(optarg, "json");
		return one_of("diagnostics", optarg, " json text ");
	case OPT_ENGINE:
		k->engine = optarg;
		return one_of("engine", optarg, " rules diagram bytes ");
	case OPT_JSON:
		k->json = true;
		return 0;
	default:
		return EXIT_USAGE;	/* getopt has said why */
	}
}

static const struct verb *verb_of(const char *name)
{
	for (int i = 0; i < VERBS; i++)
		if (!strcmp(name, verbs[i].name))
			return &verbs[i];
	return NULL;
}

static int refuse(const struct verb *v, unsigned int option, const char *text)
{
	char takers[80] = "";

	for (int i = 0; i < VERBS; i++) {
		if (!(verbs[i].options & option))
			continue;
		strcat(*takers ? strcat(takers, ", ") : takers, verbs[i].name);
	}
	return skpolc_error(EXIT_USAGE, "%s takes no %s: it is for %s%s",
			    v->name, text, takers, option == OPTION_JSON ?
			    ", and for --report" : "");
}

static int check_options(const struct skpolc *k, const struct verb *v)
{
	const struct { bool given; unsigned int option; const char *text; }
	of_some[] = {
		{ k->output, OPTION_OUTPUT, "-o" },
		{ k->write, OPTION_WRITE, "-w" },
		{ k->emit, OPTION_EMIT, "--emit" },
		{ k->report, OPTION_REPORT, "--report" },
		{ k->engine, OPTION_ENGINE, "--engine" },
		{ k->json && !k->report, OPTION_JSON, "--json" },
	};

	for (size_t i = 0; i < sizeof(of_some) / sizeof(*of_some); i++)
		if (of_some[i].given && !(v->options & of_some[i].option))
			return refuse(v, of_some[i].option, of_some[i].text);
	if (k->write && k->output)
		return skpolc_error(EXIT_USAGE, "-w rewrites the file, -o "
				    "writes to another: take one of them");
	return 0;
}

/* Whether NAME can be a file's: it is one, or looks like it. */
static bool may_be_file(const char *name)
{
	return strpbrk(name, "./") || !strcmp(name, "-") || !access(name, F_OK);
}

static int run(struct skpolc *k, int argc, char **argv)
{
	const struct verb *v;
	int status;

	if (!argc)
		return skpolc_error(EXIT_USAGE, "what is to be compiled? See "
				    "`skpolc --help`");
	v = verb_of(argv[0]);
	if (v) {
		argc--;
		argv++;
	} else if (!may_be_file(argv[0])) {
		return skpolc_error(EXIT_USAGE, "there is no verb `%s`, nor a "
				    "file of that name: see `skpolc --help`",
				    argv[0]);
	} else {
		v = &verbs[0];
	}
	k->args = argv;
	k->nargs = argc;
	if (argc < v->least || argc > v->most)
		return skpolc_error(EXIT_USAGE, "usage: skpolc %s %s",
				    v->name, v->arguments);
	status = check_options(k, v);
	return status ? status : v->run(k);
}

int main(int argc, char **argv)
{
	struct skpolc k = { .options.optimize = 2 };
	int got, status;

	signal(SIGPIPE, SIG_IGN);
	while ((got = getopt_long(argc, argv, "o:O:W:wh", long_options,
				  NULL)) != -1) {
		if (got == 'h')
			return help();
		if (got == OPT_VERSION) {
			puts("skpolc " PACKAGE_VERSION_TEXT);
			return skpolc_flush();
		}
		status = option(&k, got);
		if (status)
			return status;
	}
	status = run(&k, argc - optind, argv + optind);
	arena_free(&k.arena);
	return status;
}
