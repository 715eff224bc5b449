/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_compile - skpol apply FILE.skl: the object is made first
 *
 * In: a policy's text. Out: the bytes of its policy.o, which go the way of any
 * other. The only place of the runtime that knows the compiler.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../compiler/compile.h"
#include "../grammar/progress_bar.h"
#include "cli.h"

static int make_object(struct compiled *c, const struct compile_options *o,
		       const char *path, void **bytes, size_t *size)
{
	bool colour = isatty(STDERR_FILENO) && !getenv("NO_COLOR");
	char error[256];
	int err;

	diag_print(&c->diags, stderr, colour);
	if (c->diags.nerrors)
		return EXIT_INPUT;
	err = compile_object(c, o, bytes, size, error);
	if (!err)
		return 0;
	return cli_error(err == -EINVAL ? EXIT_INTERNAL : EXIT_SYSTEM,
			 "%s: %s", path, error);
}

int cli_compile(const char *path, const json_t *options, void **bytes,
		size_t *size)
{
	struct progress progress = { 0 };
	struct compile_options o = { .optimize = 2, .until = COMPILE_ALL,
				     .progress = &progress };
	struct progress_bar *bar = progress_bar_begin(&progress);
	struct compiled c;
	int status, err;

	compile_options_like(&o, options);
	err = compile(&c, path, &o);
	progress_bar_end(bar);
	if (err)
		return cli_error(err == -ENOMEM ? EXIT_SYSTEM : EXIT_INPUT,
				 "%s: %s", path, strerror(-err));
	status = make_object(&c, &o, path, bytes, size);
	compiled_free(&c);
	return status;
}
