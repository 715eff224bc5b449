/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_objfile_mutants - objects with bytes changed or cut off
 *
 * All are answered without a crash (run it with sanitizers): by a refusal,
 * unless their checksum was made to fit. SKPOL_FUZZ_OBJECTS says how many:
 * ./dev fuzz.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture_objfile.h"

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint32_t rnd(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % n;
}

/* Changes a few bytes: anywhere, or where the numbers are. */
static size_t mutate(const struct fixture *f, uint8_t *p)
{
	static const uint8_t values[] = { 0, 1, 7, 0x7f, 0x80, 0xff };
	size_t n = f->size;
	uint32_t i, changes = 1 + rnd(4), tables = (uint32_t)n / 2;

	memcpy(p, f->bytes, n);
	for (i = 0; i < changes; i++) {
		uint32_t at = rnd(2) ? rnd((uint32_t)n) :
			(uint32_t)n - 1 - rnd(tables);

		at = rnd(8) ? at : rnd(64);
		if (rnd(2))
			p[at] ^= (uint8_t)(1u << rnd(8));
		else
			p[at] = values[rnd(sizeof(values))];
	}
	return rnd(8) ? n : rnd((uint32_t)n);
}

static unsigned int mutants(void)
{
	const char *text = getenv("SKPOL_FUZZ_OBJECTS");

	return text ? (unsigned int)strtoul(text, NULL, 10) : 20000;
}

/* Whether objfile takes the N bytes at P; a refusal has a sentence. */
static bool takes(const uint8_t *p, size_t n)
{
	char error[OBJFILE_ERROR_MAX] = "";
	struct objfile *o;

	if (objfile_from_bytes(p, n, &o, error)) {
		assert_true(*error);
		return false;
	}
	objfile_free(o);
	return true;
}

static void mutants_are_refused(void **state)
{
	struct fixture *f = *state;
	unsigned int i, n = mutants();

	for (i = 0; i < n; i++) {
		uint8_t *p = malloc(f->size);
		size_t size = mutate(f, p);

		/* a copy of that size, so that a sanitizer sees its end */
		p = realloc(p, size ? size : 1);
		assert_int_equal(takes(p, size), size == f->size &&
				 !memcmp(p, f->bytes, size));
		free(p);
	}
}

/* Those whose checksum fits: each part is still looked at by itself. */
static void sealed_mutants_are_answered(void **state)
{
	struct fixture *f = *state;
	unsigned int i, n = mutants(), taken = 0;
	char error[OBJFILE_ERROR_MAX];

	for (i = 0; i < n; i++) {
		uint8_t *p = malloc(f->size);
		size_t size = mutate(f, p);

		p = realloc(p, size ? size : 1);
		objfile_seal(p, size, error);
		taken += takes(p, size);
		free(p);
	}
	/* most bytes are instructions, .rodata and types: not ours to judge */
	assert_in_range(taken, n / 20, n - n / 20);
}

static void each_changed_byte_is_told(void **state)
{
	struct fixture *f = *state;
	uint8_t *p = contents(f, PROGRAM);

	p[12] ^= 1;		/* an immediate */
	refuse(f, "damaged: it was changed after skpolc wrote it (its checksum "
	       "is another): compile the policy again, or fetch it again");
	section(f, SUM)->sh_size = 31;
	refuse(f, "its checksum is not of 32 bytes");
	for (size_t i = 0; i < f->size; i++) {
		p = f->bytes;
		p[i] ^= 0x20;
		assert_false(takes(p, f->size));
		p[i] ^= 0x20;
	}
	assert_true(takes(f->bytes, f->size));
}

/* Values of the manifest changed at random: parsed, and judged. */
static json_t *value_at_random(void)
{
	switch (rnd(7)) {
	case 0: return json_null();
	case 1: return json_true();
	case 2: return json_integer((json_int_t)random_state);
	case 3: return json_string("");
	case 4: return json_array();
	case 5: return json_object();
	default: return json_integer(rnd(3));
	}
}

static bool has_parts(const json_t *v)
{
	return json_array_size(v) || json_object_size(v);
}

static const char *key_at_random(json_t *v)
{
	void *i = json_object_iter(v);
	uint32_t n = rnd((uint32_t)json_object_size(v));

	while (n--)
		i = json_object_iter_next(v, i);
	return json_object_iter_key(i);
}

/* Goes down from V some way, and puts another value where it gets to. */
static void change(json_t *v)
{
	json_t *child = v;
	const char *key = NULL;
	uint32_t n = 0;

	do {
		v = child;
		if (json_is_array(v)) {
			n = rnd((uint32_t)json_array_size(v));
			child = json_array_get(v, n);
		} else {
			key = key_at_random(v);
			child = json_object_get(v, key);
		}
	} while (has_parts(child) && rnd(3));
	if (json_is_array(v))
		json_array_set_new(v, n, value_at_random());
	else
		json_object_set_new(v, key, value_at_random());
}

static void strange_manifests_are_answered(void **state)
{
	struct fixture *f = *state;
	char error[OBJFILE_ERROR_MAX];
	unsigned int i, refused = 0;
	struct objfile *o;

	for (i = 0; i < 2000; i++) {
		char *text;
		int err;

		change(f->manifest);
		text = json_dumps(f->manifest, JSON_COMPACT);
		put_manifest(f, text, strlen(text), strlen(text));
		free(text);
		objfile_seal(f->bytes, f->size, error);
		*error = '\0';
		err = objfile_from_bytes(f->bytes, f->size, &o, error);
		if (err)
			assert_true(*error);
		else
			objfile_free(o);
		refused += err != 0;
		json_decref(f->manifest);
		f->manifest = fixture_manifest();
		f->input.manifest = f->manifest;
		if (i % 100 == 0)
			fixture_build(f);
	}
	assert_in_range(refused, 1000, 1999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_changed_byte_is_told),
		TEST(mutants_are_refused),
		TEST(sealed_mutants_are_answered),
		TEST(strange_manifests_are_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
