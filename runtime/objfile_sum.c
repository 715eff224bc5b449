/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objfile_sum - no byte of an object is other than skpolc wrote it
 *
 * The section .skpol.sum is the SHA-256 of the whole file, its own 32 bytes
 * taken as zeros. A program with one wrong instruction may well pass the
 * kernel's verifier, and would then steer packets wrongly: so a bad disk, a
 * cut transfer and a tool that edits objects are told here. It is no
 * signature: whoever writes objects on purpose can write this, too.
 */
#include <errno.h>
#include <sha2.h>
#include <string.h>

#include "objfile_private.h"

enum { SUM_SIZE = SHA256_DIGEST_LENGTH };

static void digest(const uint8_t *bytes, size_t size, size_t at,
		   uint8_t out[SUM_SIZE])
{
	static const uint8_t zeros[SUM_SIZE];
	SHA2_CTX sha;

	SHA256Init(&sha);
	SHA256Update(&sha, bytes, at);
	SHA256Update(&sha, zeros, SUM_SIZE);
	SHA256Update(&sha, bytes + at + SUM_SIZE, size - at - SUM_SIZE);
	SHA256Final(out, &sha);
}

static int check_size(struct objfile_span sum, char error[OBJFILE_ERROR_MAX])
{
	if (sum.n == SUM_SIZE)
		return 0;
	return objfile_fault(error, -EBADMSG, "its checksum is not of %d bytes",
			     SUM_SIZE);
}

int objfile_check_sum(const struct objfile *o, struct objfile_span sum,
		      char error[OBJFILE_ERROR_MAX])
{
	const uint8_t *bytes = o->bytes;
	uint8_t now[SUM_SIZE];
	int err = check_size(sum, error);

	if (err)
		return err;
	digest(bytes, o->size, (size_t)(sum.p - bytes), now);
	if (!memcmp(now, sum.p, SUM_SIZE))
		return 0;
	return objfile_fault(error, -EBADMSG, "damaged: it was changed after "
			     "skpolc wrote it (its checksum is another): "
			     "compile the policy again, or fetch it again");
}

int objfile_seal(void *bytes, size_t size, char error[OBJFILE_ERROR_MAX])
{
	uint8_t *p = bytes, now[SUM_SIZE];
	struct objfile_span sum;
	int err = objfile_find_sum(bytes, size, &sum, error);
	size_t at;

	if (!err)
		err = check_size(sum, error);
	if (err)
		return err;
	at = (size_t)(sum.p - p);
	digest(p, size, at, now);
	memcpy(p + at, now, SUM_SIZE);
	return 0;
}
