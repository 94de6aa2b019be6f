/* tls_help.c: certificates of a test's own, and TLS for the raw clients. */
#include "net/tls_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

static FILE *temporary(char path[64]) {
	snprintf(path, 64, "/tmp/llm-mux-test-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	return fdopen(fd, "w");
}

void certificate_make(struct certificate *made) {
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
		(const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	FILE *file = temporary(made->cert_path);
	PEM_write_X509(file, cert);
	fclose(file);
	file = temporary(made->key_path);
	PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
	fclose(file);
	X509_free(cert);
	EVP_PKEY_free(key);
}

void certificate_remove(const struct certificate *made) {
	unlink(made->cert_path);
	unlink(made->key_path);
}

bool client_start_tls(struct client *c, SSL_CTX *context) {
	struct timeval patience = {.tv_usec = 1000};
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	c->tls = SSL_new(context);
	SSL_set_fd(c->tls, c->fd);
	int result = -1;
	for (int i = 0; i < 2000 && result != 1; i++) {
		result = SSL_connect(c->tls);
		int code = SSL_get_error(c->tls, result);
		if (result != 1 && code != SSL_ERROR_WANT_READ) {
			return false;
		}
		loop_run_once(c->f->loop, false);
	}
	return result == 1;
}
