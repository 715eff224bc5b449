/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objfile - a policy.o that somebody hands us: opened, checked, not believed
 *
 * In: a file, or bytes. Out: its sections and manifest, or a sentence that says
 * what is wrong. The bytes may be truncated, mutated, foreign or of a newer
 * skpolc: everything that is read is checked against the size of the file and
 * the limits of the format before anything is changed anywhere, and a file of
 * which one byte is not as skpolc wrote it is refused as a whole. Used by the
 * runtime before it loads, and by skpolc to look into an object.
 */
#ifndef SKPOL_OBJFILE_H
#define SKPOL_OBJFILE_H

#include <jansson.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OBJFILE_ERROR_MAX = 256 };

struct objfile_reloc {
	uint32_t insn;		/* index of the ld_imm64 */
	const char *symbol;	/* of a map, or of a variable */
	uint32_t offset;	/* in .rodata, addend included; of a map 0 */
	bool rodata;
};

struct objfile_variable {	/* of .rodata; one of no bytes is not there */
	const char *name;
	uint32_t offset, size;	/* bytes */
};

struct objfile {
	const void *bytes;	/* the whole file, owned */
	size_t size;
	const struct bpf_insn *insns;
	size_t ninsns;
	const uint8_t *rodata;
	size_t rodata_size;
	const char *license;
	const void *btf, *btf_ext;	/* unread, aligned to nothing */
	size_t btf_size, btf_ext_size;
	struct objfile_reloc *relocs;	/* rising by insn */
	size_t nrelocs;
	struct objfile_variable *variables;	/* rising by offset */
	size_t nvariables;
	json_t *manifest;	/* checked against the schema, version 1 */
	uint32_t nslots, ninterfaces;	/* as the manifest and .rodata agree */
	uint32_t ncounters;	/* the manifest's counters are 0 to this - 1 */
	bool events;		/* there is a map `events` */
	char sha256[65];	/* of the file's bytes */
};

/*
 * 0 and *OUT, or a negative errno (ENOENT and the like as they come, EBADMSG
 * for a broken or foreign object, EPROTONOSUPPORT for a newer format, ENOMEM)
 * with a sentence in ERROR that begins with no capital and ends without dot.
 * PATH "-" is standard input.
 */
int objfile_open(const char *path, struct objfile **out,
		 char error[OBJFILE_ERROR_MAX]);
int objfile_from_bytes(const void *bytes, size_t size, struct objfile **out,
		       char error[OBJFILE_ERROR_MAX]);
void objfile_free(struct objfile *o);

/*
 * Writes the checksum of SIZE bytes of an object into its section .skpol.sum:
 * the last thing that a writer does. -EBADMSG when that section is not there.
 */
int objfile_seal(void *bytes, size_t size, char error[OBJFILE_ERROR_MAX]);

const struct objfile_variable *objfile_variable(const struct objfile *o,
						const char *name);

#endif
