/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_main - the command line of `skpol`, up to the verb's own function
 *
 * In: argv. Out: an exit status. Options may stand before or after the verb.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "privilege.h"

enum {			/* of each verb: needs_apply, ... */
#define CHANGE PRIVILEGE_CHANGE
#define READ PRIVILEGE_READ
#define LOAD PRIVILEGE_LOAD
#define PROCESSES PRIVILEGE_PROCESSES
#define NAMES PRIVILEGE_NAMES
#define NAMESPACE PRIVILEGE_NAMESPACE
#define FILES PRIVILEGE_FILES
#define WRITE PRIVILEGE_WRITE
#define SHARE PRIVILEGE_SHARE
#define NEEDS(verb, groups) needs_##verb = (groups),
#include "privilege.def"
#undef NEEDS
};

enum { OPTION_BASE = 256 };	/* of getopt_long's values: above characters */

static const struct {
	const char *name, *argument, *text;
} options[OPTION_COUNT] = {
#define OPTION(id, name, argument, text) \
	[OPTION_##id] = { name, argument, text },
#include "cli_option.def"
#undef OPTION
};

/* A bit an option. */
#define O(id) | (uint64_t)1 << OPTION_##id
_Static_assert(OPTION_COUNT <= 64, "options of a verb are bits of 64");
static const uint64_t everywhere = 0 O(NETNS) O(BPFFS) O(HELP) O(VERSION);

static const struct verb {
	const char *name, *arguments, *text;
	int least, most;
	uint64_t options;	/* beside those */
	unsigned int needs;	/* groups of capabilities */
	int (*run)(struct cli *c);
} verbs[] = {
#define VERB(name, arguments, least, most, options, text) \
	{ #name, arguments, text, least, most, 0 options, needs_##name, \
	  cli_##name },
#include "cli_verb.def"
#undef VERB
};
#undef O

enum { VERBS = sizeof(verbs) / sizeof(*verbs) };

int cli_error(int status, const char *fmt, ...)
{
	va_list ap;

	fputs("skpol: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return status;
}

int cli_fail(struct cli *c)
{
	return cli_error((int)skpol_fault(c->s), "%s", skpol_message(c->s));
}

int cli_flush(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	return cli_error(EXIT_SYSTEM, "cannot write the output");
}

/* "[=SECONDS]": may be left out. */
static bool is_optional(const char *argument)
{
	return argument && *argument == '[';
}

static bool takes(const struct verb *v, enum option_id id)
{
	return (v->options | everywhere) >> id & 1;
}

static void print_option(enum option_id id)
{
	const char *argument = options[id].argument;
	char left[48];

	snprintf(left, sizeof(left), "--%s%s%s", options[id].name,
		 argument && !is_optional(argument) ? " " : "",
		 argument ? argument : "");
	printf("      %-28s %s\n", left, options[id].text);
}

static int help(void)
{
	puts("usage: skpol [--netns NAME|PATH|pid:N] [--bpffs DIR] VERB ...\n");
	for (int i = 0; i < VERBS; i++) {
		const struct verb *v = &verbs[i];
		char left[32];

		snprintf(left, sizeof(left), "%s %s", v->name, v->arguments);
		printf("  %-28s %s\n", left, v->text);
		for (int id = 1; id < OPTION_COUNT; id++)
			if (v->options >> id & 1)
				print_option((enum option_id)id);
	}
	puts("\n  with every verb");
	for (int id = 1; id < OPTION_COUNT; id++)
		if (everywhere >> id & 1)
			print_option((enum option_id)id);
	return cli_flush();
}

static bool add_keep(struct cli *c)
{
	if (c->nkeeps == KEEPS_MAX) {
		cli_error(EXIT_USAGE, "more than %d --keep: use --keep-file",
			  KEEPS_MAX);
		return false;
	}
	c->keeps[c->nkeeps++] = optarg;
	return true;
}

/* What a later use of an option does to an earlier one. */
static const char *join(enum option_id id, const char *before,
			const char *now)
{
	static char *all;	/* of --allow, a line each */
	char *more = NULL;

	if (id != OPTION_ALLOW || !before)
		return now;
	if (asprintf(&more, "%s\n%s", before, now) < 0)
		return NULL;
	free(all);
	return all = more;
}

/* Reads all options; the words that are left begin at optind. */
static bool parse(struct cli *c, int argc, char **argv)
{
	struct option list[OPTION_COUNT + 1];
	int got, n = 0;

	memset(list, 0, sizeof(list));
	for (int id = 1; id < OPTION_COUNT; id++)
		list[n++] = (struct option){
			.name = options[id].name,
			.has_arg = !options[id].argument ? no_argument :
				is_optional(options[id].argument) ?
				optional_argument : required_argument,
			.val = OPTION_BASE + id,
		};
	list[n++] = (struct option){ .name = NULL };
	while ((got = getopt_long(argc, argv, "ho:", list, NULL)) != -1) {
		if (got == '?')
			return false;	/* getopt has said why */
		if (got == OPTION_BASE + OPTION_KEEP && !add_keep(c))
			return false;
		got = got == 'h' ? OPTION_HELP : got == 'o' ? OPTION_OUTPUT :
			got - OPTION_BASE;
		c->values[got] = join((enum option_id)got, c->values[got],
				      optarg ? optarg : "");
	}
	c->dashes = optind > 1 && !strcmp(argv[optind - 1], "--");
	return true;
}

static const struct verb *find_verb(const char *name)
{
	for (int i = 0; i < VERBS; i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

/* An option whose value could be left out, and was: the word behind it is not its
 * value, whatever was meant. */
static const char *without_value(const struct cli *c)
{
	for (int id = 1; id < OPTION_COUNT; id++)
		if (c->values[id] && !*c->values[id] && options[id].argument &&
		    is_optional(options[id].argument))
			return options[id].name;
	return NULL;
}

static int check_words(const struct cli *c, const struct verb *v)
{
	const char *name = without_value(c);

	if (c->nargs > v->most && name)
		return cli_error(EXIT_USAGE, "the value of --%s follows a `=`: "
				 "--%s=%s", name, name, c->args[v->most]);
	if (c->nargs < v->least || c->nargs > v->most)
		return cli_error(EXIT_USAGE, "usage: skpol %s %s", v->name,
				 v->arguments);
	return 0;
}

static int check(const struct cli *c, const struct verb *v)
{
	for (int id = 1; id < OPTION_COUNT; id++)
		if (c->values[id] && !takes(v, (enum option_id)id))
			return cli_error(EXIT_USAGE, "%s takes no --%s",
					 v->name, options[id].name);
	if (cli_has(c, OPTION_ALL) && (cli_has(c, OPTION_NETNS) ||
				       cli_has(c, OPTION_WATCH)))
		return cli_error(EXIT_USAGE, "--all does not go with --%s",
				 cli_has(c, OPTION_NETNS) ? "netns" : "watch");
	return check_words(c, v);
}

static void print_note(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "skpol: note: %s\n", text);
}

/* What COMMAND of `register NAME -- COMMAND` is to have, the caller decides. */
static bool runs_command(const struct cli *c, const struct verb *v)
{
	return v->run == cli_register && c->dashes;
}

static int drop_privileges(const struct cli *c, const struct verb *v)
{
	unsigned int enter = c->values[OPTION_NETNS] || cli_has(c, OPTION_ALL) ?
		PRIVILEGE_ENTER : 0;
	int err = runs_command(c, v) ? 0 : privilege_drop(v->needs | enter);

	return err ? cli_error(EXIT_SYSTEM, "cannot drop capabilities: %s",
			       strerror(-err)) : 0;
}

static int run(struct cli *c, const struct verb *v)
{
	struct skpol_options o = {
		.size = sizeof(o), .netns = c->values[OPTION_NETNS],
		.bpffs = c->values[OPTION_BPFFS], .note = print_note,
	};
	int status = drop_privileges(c, v);

	if (!status && cli_has(c, OPTION_ALL))
		return cli_everywhere(c, &o, v->run);
	if (!status)
		status = skpol_open(&o, &c->s) ? cli_fail(c) : v->run(c);
	skpol_close(c->s);
	return status;
}

int main(int argc, char **argv)
{
	struct cli c = { .s = NULL };
	const struct verb *v;
	int status;

	if (!parse(&c, argc, argv))
		return EXIT_USAGE;
	if (cli_has(&c, OPTION_HELP))
		return help();
	if (cli_has(&c, OPTION_VERSION)) {
		puts("skpol " PACKAGE_VERSION_TEXT);
		return cli_flush();
	}
	if (optind >= argc)
		return cli_error(EXIT_USAGE, "what is to be done? See `skpol "
				 "--help`");
	v = find_verb(argv[optind]);
	if (!v)
		return cli_error(EXIT_USAGE, "there is no verb `%s`: see "
				 "`skpol --help`", argv[optind]);
	c.args = argv + optind + 1;
	c.nargs = argc - optind - 1;
	status = check(&c, v);
	return status ? status : run(&c, v);
}
