/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_apply - skpol apply, rollback, remove, and the files that they read
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "auto.h"
#include "cli.h"

enum { STEP = 1 << 16, FILE_MAX = 1 << 30 };

static int grow(char **bytes, size_t *cap, size_t need)
{
	char *more;

	if (need <= *cap)
		return 0;
	*cap = need > 2 * *cap ? need : 2 * *cap;
	more = realloc(*bytes, *cap);
	if (!more)
		return -ENOMEM;
	*bytes = more;
	return 0;
}

static int read_all(int fd, char **bytes, size_t *size)
{
	size_t cap = 0;
	ssize_t n = 1;
	int err = 0;

	while (!err && n) {
		err = *size > FILE_MAX ? -EFBIG :
			grow(bytes, &cap, *size + STEP + 1);
		n = err ? 0 : read(fd, *bytes + *size, STEP);
		if (n < 0 && errno != EINTR)
			err = -errno;
		else if (n > 0)
			*size += (size_t)n;
	}
	if (!err)
		(*bytes)[*size] = '\0';
	return err;
}

int cli_read(const char *path, char **bytes, size_t *size)
{
	AUTO_FD fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) :
		dup(STDIN_FILENO);
	int err;

	*bytes = NULL;
	*size = 0;
	err = fd < 0 ? -errno : read_all(fd, bytes, size);
	if (err) {
		free(*bytes);
		*bytes = NULL;
	}
	return err;
}

static bool has_suffix(const char *path, const char *suffix)
{
	size_t n = strlen(path), m = strlen(suffix);

	return n >= m && !strcmp(path + n - m, suffix);
}

int cli_object(const char *path, void **bytes, size_t *size)
{
	char *text;
	int err;

	if (has_suffix(path, ".skl"))
		return cli_compile(path, bytes, size);
	err = cli_read(path, &text, size);
	*bytes = text;
	return err ? cli_error(EXIT_INPUT, "%s: %s", path, strerror(-err)) : 0;
}

static void print_log(void *ctx, const char *text)
{
	(void)ctx;
	fputs(text, stderr);
}

static void print_applied(const struct cli *c, const struct skpol_applied *a)
{
	if (cli_has(c, OPTION_JSON))
		printf("{\"version\":1,\"changed\":%s,\"generation\":%" PRIu32
		       ",\"policy\":\"%s\"}\n", a->changed ? "true" : "false",
		       a->generation, a->policy);
	else
		printf("%s: generation %" PRIu32 " %s\n", a->policy,
		       a->generation, a->changed ? "is live" :
		       "is live already, nothing changed");
}

int cli_apply(struct cli *c)
{
	struct skpol_apply_options o = {
		.size = sizeof(o),
		.require_sockets = cli_has(c, OPTION_REQUIRE),
		.verifier_log = cli_has(c, OPTION_LOG) ? print_log : NULL,
	};
	AUTO_FREE void *bytes = NULL;
	struct skpol_applied applied;
	size_t size;
	int status = cli_object(c->args[0], &bytes, &size);

	if (status)
		return status;
	if (skpol_apply(c->s, bytes, size, &o, &applied))
		return cli_fail(c);
	print_applied(c, &applied);
	return cli_flush();
}

int cli_rollback(struct cli *c)
{
	const char *text = c->nargs ? c->args[0] : "0";
	struct skpol_applied applied;
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (c->nargs && (*end || *text < '1' || *text > '9' || n > UINT32_MAX))
		return cli_error(EXIT_USAGE, "`%s` is no number of a "
				 "generation", text);
	if (skpol_rollback(c->s, (uint32_t)n, &applied))
		return cli_fail(c);
	print_applied(c, &applied);
	return cli_flush();
}

int cli_remove(struct cli *c)
{
	bool changed;

	if (skpol_remove(c->s, cli_has(c, OPTION_SOCKETS), &changed))
		return cli_fail(c);
	if (cli_has(c, OPTION_JSON))
		printf("{\"version\":1,\"changed\":%s}\n",
		       changed ? "true" : "false");
	else
		puts(changed ? "removed" : "there is no policy here, nothing "
		     "changed");
	return cli_flush();
}
