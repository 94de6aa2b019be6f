/* client_tls.c: the certificate authorities, loaded once for all loops at the first https call. */
#include <dirent.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/client_internal.h"

/* Where systems keep them; the first that exists counts, unless SSL_CERT_FILE or SSL_CERT_DIR say
 * otherwise. */
static const char *const ca_dirs[] = {"/etc/ssl/certs", "/etc/pki/tls/certs"};
static const char *const ca_files[] = {
	"/etc/ssl/certs/ca-certificates.crt", /* Debian, Arch */
	"/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora */
	"/etc/ssl/ca-bundle.pem",             /* openSUSE */
	"/etc/ssl/cert.pem",                  /* Alpine */
};

struct client_shared *client_shared_create(void) {
	/* Thread-safe and counted by libcurl itself (CURL_VERSION_THREADSAFE, 7.84 and later). */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		return NULL;
	}
	struct client_shared *shared = mem_calloc(1, sizeof *shared);
	pthread_mutex_init(&shared->lock, NULL);
	return shared;
}

void client_shared_destroy(struct client_shared *shared) {
	if (!shared) {
		return;
	}
	X509_STORE_free(shared->store);
	pthread_mutex_destroy(&shared->lock);
	free(shared);
	curl_global_cleanup();
}

/* True for a directory prepared by c_rehash: names like 002c0b4f.0. */
static bool is_hashed_dir(const char *path) {
	DIR *dir = opendir(path);
	bool found = false;
	for (struct dirent *entry; dir && !found && (entry = readdir(dir));) {
		size_t len = strlen(entry->d_name);
		found = len == 10 && strcmp(entry->d_name + 8, ".0") == 0;
	}
	if (dir) {
		closedir(dir);
	}
	return found;
}

/* A hashed directory is preferred: of it only the certificates that a handshake asks for are read
 * (a bundle costs some 10 ms and 1 MB). */
static bool load_system(X509_STORE *store) {
	const char *file = getenv("SSL_CERT_FILE");
	const char *dir = getenv("SSL_CERT_DIR");
	if (file || dir) {
		bool has_file = file && X509_STORE_load_file(store, file) == 1;
		bool has_dir = dir && X509_STORE_load_path(store, dir) == 1;
		return has_file || has_dir;
	}
	for (size_t i = 0; i < sizeof ca_dirs / sizeof *ca_dirs; i++) {
		if (is_hashed_dir(ca_dirs[i])) {
			return X509_STORE_load_path(store, ca_dirs[i]) == 1;
		}
	}
	for (size_t i = 0; i < sizeof ca_files / sizeof *ca_files; i++) {
		if (access(ca_files[i], R_OK) == 0) {
			return X509_STORE_load_file(store, ca_files[i]) == 1;
		}
	}
	return X509_STORE_set_default_paths(store) == 1;
}

static X509_STORE *shared_store(struct client_shared *shared) {
	pthread_mutex_lock(&shared->lock);
	if (!shared->store) {
		X509_STORE *store = X509_STORE_new();
		if (store && !load_system(store)) {
			X509_STORE_free(store);
			store = NULL;
		}
		shared->store = store;
	}
	X509_STORE *store = shared->store;
	pthread_mutex_unlock(&shared->lock);
	return store;
}

CURLcode client_tls_setup(CURL *easy, void *ssl_ctx, void *user) {
	struct client *client = user;
	SSL_CTX *ctx = ssl_ctx;
	X509_STORE *store = shared_store(client->shared);
	(void)easy;
	if (!store) {
		return CURLE_SSL_CACERT_BADFILE;
	}
	SSL_CTX_set1_cert_store(ctx, store);
	/* 34 KB less for an idle connection. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	return CURLE_OK;
}
