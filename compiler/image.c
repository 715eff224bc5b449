/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * image - a variable of .rodata by its name
 *
 * In: an image. Out: the variable of that name, or NULL. There are a handful
 * of them, so they are looked through.
 */
#include "image.h"

#include <string.h>

const struct image_variable *image_variable(const struct image *m,
					    const char *name)
{
	size_t i;

	for (i = 0; i < m->nvariables; i++)
		if (!strcmp(m->variables[i].name, name))
			return &m->variables[i];
	return NULL;
}
