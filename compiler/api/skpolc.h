/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skpolc - libskpolc: the text of a policy to an object, in memory
 *
 * In: a policy, as text or a file. Out: what is to be said about it, by
 * callback; the bytes of its policy.o, for skpol_apply() of libskpol or for a
 * file; why a packet gets its verdict. No root, no kernel. Nothing is printed,
 * nothing exits, there are no globals, and memory that ends is -ENOMEM.
 *
 * A handle belongs to one thread at a time; any number of threads may work
 * with handles of their own. The same text, name and options give the same
 * bytes on every host, in every thread.
 *
 * Structs that are passed in begin with their size (set it to sizeof), so that
 * later versions can add members; zero is the default of every member.
 */
#ifndef SKPOLC_H
#define SKPOLC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef SKPOLC_API
#define SKPOLC_API __attribute__((visibility("default")))
#endif

struct skpolc;

enum skpolc_level { SKPOLC_WARNING, SKPOLC_ERROR };

/* Text is NULL where there is none; a place with line 0 is none. */
struct skpolc_place {
	const char *file;	/* as the policy names it */
	uint32_t line, column;	/* from 1; columns count bytes */
};

struct skpolc_diagnostic {
	size_t size;		/* of this struct in the library */
	enum skpolc_level level;
	const char *name;	/* stable: "unreachable-rule", see skpolc(1) */
	const char *message;	/* one sentence, names in `backquotes` */
	struct skpolc_place place;
	const char *label;	/* beside the place */
	struct skpolc_place also;	/* what imposes the constraint */
	const char *also_label;
	const char *note, *help;
};

enum skpolc_optimize {
	SKPOLC_OPTIMIZE_DEFAULT = 0,	/* as SKPOLC_OPTIMIZE_2 */
	SKPOLC_OPTIMIZE_0, SKPOLC_OPTIMIZE_1, SKPOLC_OPTIMIZE_2,
};

struct skpolc_options {
	size_t size;
	/*
	 * Told each diagnostic, in order of place; it is valid during the call.
	 * NULL = nobody is told.
	 */
	void (*diagnostic)(void *ctx, const struct skpolc_diagnostic *d);
	void *ctx;
	enum skpolc_optimize optimize;
	const char *target_kernel;	/* "6.1"; NULL = the oldest that can */
	const char *const *deny;	/* names of warnings that are errors, */
	const char *const *silence;	/* and of some not to be told; up to */
					/* a NULL; "all" denies all */
};

/*
 * *OUT is a handle even after a failure, so that its message can be read; NULL
 * only when there was no memory for it. 0, or
 *	-EINVAL		the policy has mistakes: the callback was told
 *	-ENOENT		there is no such diagnostic, or target kernel
 *	-ENOMEM		memory ran out
 *	-EPROTO		a fault of skpolc: please report it
 *	else		the file could not be read
 *
 * NAME stands for the text in messages and in the object; files that the text
 * includes are looked for in the folder of NAME. NULL is "policy.skl".
 */
SKPOLC_API int skpolc_compile_text(const struct skpolc_options *o,
				   const char *name, const char *text,
				   size_t size, struct skpolc **out);
SKPOLC_API int skpolc_compile_file(const struct skpolc_options *o,
				   const char *path, struct skpolc **out);
SKPOLC_API void skpolc_free(struct skpolc *c);
/* One sentence about what failed last; "" when nothing has. Never NULL. */
SKPOLC_API const char *skpolc_message(const struct skpolc *c);

/*
 * What a handle shows is its own, and goes with it. All of this is NULL after
 * a failure.
 */
SKPOLC_API const char *skpolc_policy(const struct skpolc *c);
SKPOLC_API const void *skpolc_object(const struct skpolc *c, size_t *size);
/* The oldest kernel that the program runs on: "5.10". */
SKPOLC_API const char *skpolc_kernel(const struct skpolc *c);

/*
 * PACKET is "tcp 203.0.113.9:50000 -> 192.0.2.1:443 [on eth0]". *VERDICT is
 * "pass", "drop", or the name of a socket, and belongs to the handle: what the
 * program does when all sockets are there. -EINVAL when it is no packet.
 */
SKPOLC_API int skpolc_verdict(struct skpolc *c, const char *packet,
			      const char **verdict);
/* Why, as `skpolc explain` prints it: text, or JSON. free() it. */
SKPOLC_API int skpolc_explain(struct skpolc *c, const char *packet, bool json,
			      char **text);

#ifdef __cplusplus
}
#endif
#endif
