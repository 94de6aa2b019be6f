/* fake_tls.c: see fake_tls.h. */
#include "net/fake_tls.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define H2_FRAME_MAX 16384

enum h2_type {
	H2_DATA = 0,
	H2_HEADERS = 1,
	H2_SETTINGS = 4
};
#define H2_END_STREAM 1 /* of DATA and HEADERS */
#define H2_ACK 1        /* of SETTINGS */
#define H2_END_HEADERS 4

struct fake_tls {
	int fd, port;
	bool speaks_h2;
	size_t body_bytes;
	SSL_CTX *ctx;
	char path[64];
	pthread_t thread;
};

static void check(bool good, const char *what) {
	if (!good) {
		fprintf(stderr, "fake TLS server: %s\n", what);
		abort();
	}
}

/* ---- the certificate ------------------------------------------------------------------------- */

static X509 *self_signed(EVP_PKEY *key) {
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_ASC, (const unsigned char *)"fake", -1, -1, 0);
	X509_set_issuer_name(certificate, name);
	X509_EXTENSION *names =
		X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
	X509_add_ext(certificate, names, -1);
	X509_EXTENSION_free(names);
	check(X509_sign(certificate, key, EVP_sha256()) > 0, "cannot sign");
	return certificate;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
	const unsigned char *in, unsigned in_len, void *data) {
	static const unsigned char h2[] = {2, 'h', '2'};
	unsigned char *chosen;
	(void)ssl;
	(void)data;
	if (SSL_select_next_proto(&chosen, out_len, h2, sizeof h2, in, in_len) !=
		OPENSSL_NPN_NEGOTIATED) {
		return SSL_TLSEXT_ERR_NOACK;
	}
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static void make_identity(struct fake_tls *server) {
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = self_signed(key);
	snprintf(server->path, sizeof server->path, "/tmp/fake-tls-XXXXXX");
	int fd = mkstemp(server->path);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	check(file && PEM_write_X509(file, certificate) == 1, "cannot write the certificate");
	fclose(file);
	server->ctx = SSL_CTX_new(TLS_server_method());
	SSL_CTX_use_certificate(server->ctx, certificate);
	SSL_CTX_use_PrivateKey(server->ctx, key);
	if (server->speaks_h2) {
		SSL_CTX_set_alpn_select_cb(server->ctx, choose_protocol, NULL);
	}
	X509_free(certificate);
	EVP_PKEY_free(key);
}

/* ---- the two protocols ----------------------------------------------------------------------- */

static bool read_all(SSL *ssl, unsigned char *out, size_t len) {
	while (len > 0) {
		int got = SSL_read(ssl, out, (int)len);
		if (got <= 0) {
			return false;
		}
		out += got;
		len -= (size_t)got;
	}
	return true;
}

static bool write_body(SSL *ssl, size_t len) {
	char block[H2_FRAME_MAX];
	memset(block, 'b', sizeof block);
	while (len > 0) {
		size_t part = len < sizeof block ? len : sizeof block;
		if (SSL_write(ssl, block, (int)part) <= 0) {
			return false;
		}
		len -= part;
	}
	return true;
}

/* Heads without bodies are all it understands. */
static void serve_h1(struct fake_tls *server, SSL *ssl) {
	char head[160];
	unsigned char byte;
	size_t ends = 0;
	while (read_all(ssl, &byte, 1)) {
		ends = byte == '\n' ? ends + 1 : byte == '\r' ? ends : 0;
		if (ends < 2) {
			continue;
		}
		int len = snprintf(head, sizeof head,
			"HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", server->body_bytes);
		if (SSL_write(ssl, head, len) <= 0 || !write_body(ssl, server->body_bytes)) {
			return;
		}
		ends = 0;
	}
}

static bool write_frame(
	SSL *ssl, enum h2_type type, unsigned char flags, const unsigned char *stream, size_t len) {
	unsigned char head[9] = {
		0, (unsigned char)(len >> 8), (unsigned char)len, (unsigned char)type, flags};
	memcpy(head + 5, stream, 4);
	return SSL_write(ssl, head, sizeof head) > 0;
}

/* ":status: 200" is entry 8 of HPACK's static table. */
static bool answer_h2(struct fake_tls *server, SSL *ssl, const unsigned char *stream) {
	size_t left = server->body_bytes;
	if (!write_frame(ssl, H2_HEADERS, H2_END_HEADERS, stream, 1) ||
		SSL_write(ssl, "\x88", 1) <= 0) {
		return false;
	}
	while (left > 0) {
		size_t part = left < H2_FRAME_MAX ? left : H2_FRAME_MAX;
		if (!write_frame(ssl, H2_DATA, 0, stream, part) || !write_body(ssl, part)) {
			return false;
		}
		left -= part;
	}
	return write_frame(ssl, H2_DATA, H2_END_STREAM, stream, 0);
}

static void serve_h2(struct fake_tls *server, SSL *ssl) {
	static const unsigned char connection[4] = {0};
	unsigned char head[24], skipped[H2_FRAME_MAX];
	if (!read_all(ssl, head, 24) || !write_frame(ssl, H2_SETTINGS, 0, connection, 0)) {
		return;
	}
	while (read_all(ssl, head, 9)) {
		size_t len = (size_t)head[1] << 8 | head[2];
		bool is_end = head[3] <= H2_HEADERS && head[4] & H2_END_STREAM;
		if (head[0] || len > sizeof skipped || !read_all(ssl, skipped, len)) {
			return;
		}
		if (head[3] == H2_SETTINGS && !(head[4] & H2_ACK)) {
			write_frame(ssl, H2_SETTINGS, H2_ACK, connection, 0);
		}
		if (is_end && !answer_h2(server, ssl, head + 5)) {
			return;
		}
	}
}

static void *run(void *data) {
	struct fake_tls *server = data;
	for (int fd; (fd = accept(server->fd, NULL, NULL)) >= 0; close(fd)) {
		SSL *ssl = SSL_new(server->ctx);
		const unsigned char *protocol;
		unsigned protocol_len = 0;
		SSL_set_fd(ssl, fd);
		if (SSL_accept(ssl) > 0) {
			SSL_get0_alpn_selected(ssl, &protocol, &protocol_len);
			(protocol_len > 0 ? serve_h2 : serve_h1)(server, ssl);
		}
		SSL_free(ssl);
	}
	return NULL;
}

/* ---- the server ------------------------------------------------------------------------------ */

struct fake_tls *fake_tls_create(bool speaks_h2, size_t body_bytes) {
	struct fake_tls *server = calloc(1, sizeof *server);
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof address;
	check(server != NULL, "no memory");
	server->speaks_h2 = speaks_h2;
	server->body_bytes = body_bytes;
	make_identity(server);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(server->fd >= 0 && bind(server->fd, (struct sockaddr *)&address, len) == 0 &&
			listen(server->fd, 16) == 0 &&
			getsockname(server->fd, (struct sockaddr *)&address, &len) == 0,
		"cannot listen");
	server->port = ntohs(address.sin_port);
	signal(SIGPIPE, SIG_IGN);
	check(pthread_create(&server->thread, NULL, run, server) == 0, "no thread");
	return server;
}

void fake_tls_destroy(struct fake_tls *server) {
	shutdown(server->fd, SHUT_RDWR); /* ends accept */
	pthread_join(server->thread, NULL);
	close(server->fd);
	unlink(server->path);
	SSL_CTX_free(server->ctx);
	free(server);
}

int fake_tls_port(const struct fake_tls *server) {
	return server->port;
}

const char *fake_tls_certificate(const struct fake_tls *server) {
	return server->path;
}
