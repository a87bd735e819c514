//! The certificates of a Kubernetes: one authority, a serving certificate, an administrator, a signing key.

use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// Writes `ca.crt`, `apiserver.{crt,key}`, `admin.{crt,key}` and `sa.{key,pub}` into `folder`.
pub(crate) fn write(folder: &Path) {
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "test authority");
    authority.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().expect("a key");
    let certificate = authority.self_signed(&key).expect("a certificate");
    save(folder, "ca.crt", &certificate.pem());
    let issuer = Issuer::new(authority, key);

    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut server = CertificateParams::new(names).expect("good names");
    server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    issue(folder, "apiserver", server, &issuer);

    let mut admin = CertificateParams::new(Vec::new()).expect("no names");
    admin.distinguished_name.push(DnType::CommonName, "admin");
    admin.distinguished_name.push(DnType::OrganizationName, "system:masters");
    admin.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    issue(folder, "admin", admin, &issuer);

    let signing = KeyPair::generate().expect("a key");
    save(folder, "sa.key", &signing.serialize_pem());
    save(folder, "sa.pub", &signing.public_key_pem());
}

fn issue(folder: &Path, name: &str, mut params: CertificateParams, by: &Issuer<'_, KeyPair>) {
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, by).expect("a certificate");
    save(folder, &format!("{name}.crt"), &certificate.pem());
    save(folder, &format!("{name}.key"), &key.serialize_pem());
}

fn save(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("it can be written");
}
