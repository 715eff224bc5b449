/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_verdicts - skpol verdicts: what the kernel says about a list of packets
 *
 * Prints every packet with its verdict; a line that expects another verdict is
 * named on stderr, as is one that cannot be run. Exit status 1 if there is any,
 * and if there is no packet.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../grammar/pkt.h"
#include "auto.h"
#include "cli.h"
#include "trial.h"

struct run {
	struct cli *c;
	struct trial *trial;
};

static const char *ask(void *ctx, const struct packet *p, const char **error,
		       int *status)
{
	const struct run *r = ctx;
	const char *verdict = trial_run(r->c->s, r->trial, p);

	if (verdict)
		return verdict;
	*error = skpol_message(r->c->s);
	if (skpol_fault(r->c->s) != SKPOL_FAULT_INPUT)
		*status = (int)skpol_fault(r->c->s);
	return NULL;
}

static bool knows(void *ctx, const char *socket)
{
	const struct run *r = ctx;

	return trial_knows(r->trial, socket);
}

static int ask_all(struct run *r, const char *path, const char *text,
		   size_t size)
{
	struct pkt k = { .path = path, .who = "the kernel", .ask = ask,
			 .knows = knows, .ctx = r };

	pkt_ask_all(&k, text, size);
	if (k.wrong && !k.status)
		k.status = cli_error(EXIT_INPUT, "%s: %zu of %zu lines are "
				     "not as expected", path, k.wrong, k.line);
	if (!k.packets && !k.wrong && !k.status)
		k.status = cli_error(EXIT_INPUT, "%s: there is no packet in it",
				     path);
	return k.status ? k.status : cli_flush();
}

/* A descriptor a slot: take what the system lets us have. */
static void raise_limit(void)
{
	struct rlimit l;

	if (!getrlimit(RLIMIT_NOFILE, &l)) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

static int open_trial(struct run *r, const struct objfile *o)
{
	raise_limit();
	return trial_open(r->c->s, o, &r->trial) ? cli_fail(r->c) : 0;
}

int cli_verdicts(struct cli *c)
{
	const char *path = c->args[1];
	struct run r = { .c = c };
	AUTO_FREE char *text = NULL;
	struct objfile *object;
	size_t size;
	int status = cli_object(c->args[0], &object);
	int err = status ? 0 : cli_read(path, &text, &size);

	if (err)
		status = cli_error(EXIT_INPUT, "%s: %s", path,
				   strerror(-err));
	if (!status)
		status = open_trial(&r, object);
	objfile_free(object);
	if (status)
		return status;
	status = ask_all(&r, path, text, size);
	trial_close(r.trial);
	return status;
}
