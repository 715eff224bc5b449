/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skpolc_fmt - skpolc fmt: a policy file in canonical layout
 *
 * In: a file that parses. Out: its text, to standard output, -o, or with -w to
 * the file itself.
 */
#include <string.h>

#include "../grammar/print.h"
#include "skpolc.h"

int skpolc_fmt(struct skpolc *k)
{
	struct compiled c;
	size_t size;
	char *out;
	int status = skpolc_load(k, k->args[0], COMPILE_PARSED, &c);

	if (status)
		return status;
	out = print_format(&c.arena, &c.sources, 0, &size);
	if (!k->output)
		k->output = k->write && strcmp(k->args[0], "-") ?
			k->args[0] : "-";
	status = skpolc_rewrite(k, &c, out, size);
	compiled_free(&c);
	return status;
}
