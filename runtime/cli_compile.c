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

static void take_options(struct compile_options *o, const json_t *options)
{
	json_t *optimize = json_object_get(options, "optimize");
	const char *target = json_string_value(json_object_get(options,
							"target_kernel"));

	if (json_is_integer(optimize))
		o->optimize = (unsigned int)json_integer_value(optimize);
	if (target)
		o->target = target_find(target);
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

	take_options(&o, options);
	err = compile(&c, path, &o);
	progress_bar_end(bar);
	if (err)
		return cli_error(err == -ENOMEM ? EXIT_SYSTEM : EXIT_INPUT,
				 "%s: %s", path, strerror(-err));
	status = make_object(&c, &o, path, bytes, size);
	compiled_free(&c);
	return status;
}
