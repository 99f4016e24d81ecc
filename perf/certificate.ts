/**
 * A certificate for QUIC, which is always encrypted: made by OpenSSL, if that is installed.
 *
 * @module
 */

import path from "node:path";

/** A self-signed certificate and its private key, as PEM. */
export interface Certificate {
  readonly certificate: string;
  readonly privateKey: string;
}

/** Makes a certificate for a server at this address; its files stay in `folder`. Rejects if OpenSSL fails or is missing. */
export async function makeCertificate(address: string, folder: string): Promise<Certificate> {
  const keyFile = path.join(folder, "key.pem");
  const certificateFile = path.join(folder, "certificate.pem");
  const args = [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...["-subj", "/CN=perf", "-keyout", keyFile, "-out", certificateFile],
    ...["-addext", `subjectAltName=IP:${address}`, "-addext", "basicConstraints=critical,CA:FALSE"],
  ];
  try {
    const { success } = await new Deno.Command("openssl", { args, stdin: "null", stdout: "null", stderr: "null" })
      .output();
    if (!success) throw new Error("openssl failed to make the certificate that QUIC needs");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new Error("openssl is not installed; it makes the certificate that QUIC needs");
    }
    throw error;
  }
  return {
    certificate: await Deno.readTextFile(certificateFile),
    privateKey: await Deno.readTextFile(keyFile),
  };
}
