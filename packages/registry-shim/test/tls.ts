// A certificate for registry.example that signs itself, and its key. For tests: it opens nothing.
// openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -subj /CN=registry.example -addext subjectAltName=DNS:registry.example
export const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBqzCCAVCgAwIBAgIUau39H5fbEuzDUvHBzI0jEOAOlUowCgYIKoZIzj0EAwIw
GzEZMBcGA1UEAwwQcmVnaXN0cnkuZXhhbXBsZTAgFw0yNjExMjIxOTMzMjRaGA8y
MTI2MTAyOTE5MzMyNFowGzEZMBcGA1UEAwwQcmVnaXN0cnkuZXhhbXBsZTBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABPXMyTd409EXWgsq/h0qgthuUhv0AB9irw9d
M5wlXKwy6GsuXjszX4S7TGkTo2U7DC0YOKYaPFb7+CMBEvCGPwSjcDBuMB0GA1Ud
DgQWBBSoUeMSps1ZA1uzeAk07vkcKsvxFDAfBgNVHSMEGDAWgBSoUeMSps1ZA1uz
eAk07vkcKsvxFDAPBgNVHRMBAf8EBTADAQH/MBsGA1UdEQQUMBKCEHJlZ2lzdHJ5
LmV4YW1wbGUwCgYIKoZIzj0EAwIDSQAwRgIhAOdZr8kw43ATb9E2aoZmL0obAPf+
M+YKDSqT1CofLmmqAiEArI+N5RVRosr57PmtePqwdncozL4SCnvzj9Q09qt7I1E=
-----END CERTIFICATE-----
`
export const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgE9WWBEFZH8NgmalB
CZ+PGn64kgwl+POqtf/sq3QK6z2hRANCAAT1zMk3eNPRF1oLKv4dKoLYblIb9AAf
Yq8PXTOcJVysMuhrLl47M1+Eu0xpE6NlOwwtGDimGjxW+/gjARLwhj8E
-----END PRIVATE KEY-----
`
