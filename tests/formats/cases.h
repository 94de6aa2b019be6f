/* cases.h: table-driven cases: a JSON file with a list of objects, each one case (see cases.c for
 * the members). Anyone can add one. */
#ifndef LLMMUX_TESTS_FORMATS_CASES_H
#define LLMMUX_TESTS_FORMATS_CASES_H

#include <stddef.h>

/* Runs every case of tests/formats/cases/NAME; prints each failure; returns how many failed, and
 * how many there were. */
size_t cases_run(const char *name, size_t *count);

#endif
