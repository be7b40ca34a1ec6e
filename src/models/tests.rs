//! Tests of the embedded catalog, and of a cache in a temporary folder.

use std::collections::BTreeSet;
use std::fs;

use std::path::{Path, PathBuf};

use super::cache::Cache;
use super::*;

/// Returns the smallest file that is accepted as a model; files with different `mark`s differ.
fn model_bytes(mark: &str) -> Vec<u8> {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend(0u64.to_le_bytes());
    bytes.extend(2u64.to_le_bytes());
    for (key, value) in [("general.name", mark), ("general.license", "mit")] {
        bytes.extend((key.len() as u64).to_le_bytes());
        bytes.extend(key.as_bytes());
        bytes.extend(8u32.to_le_bytes());
        bytes.extend((value.len() as u64).to_le_bytes());
        bytes.extend(value.as_bytes());
    }
    bytes
}

/// A cache whose catalog has one model, `known-1b-q4`, whose file is not in the cache at first.
struct TestCache {
    cache: Cache,
    own: PathBuf,
    _folder: tempfile::TempDir,
}

impl TestCache {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        fs::create_dir(&own).unwrap();
        let mut test = Self {
            cache: Cache { folder: folder.path().join("cache"), catalog: Catalog { models: Vec::new(), unpinned: Vec::new() } },
            own,
            _folder: folder,
        };
        let known = test.file("known bytes.gguf", "known");
        test.cache.catalog.models.push(CatalogModel {
            name: "known-1b-q4".to_owned(),
            file: "known-1b-q4.gguf".to_owned(),
            bytes: fs::metadata(&known).unwrap().len(),
            sha256: sha256(&known).unwrap(),
            licence: "Apache-2.0".to_owned(),
            about: "a model of the catalog".to_owned(),
            hub: None,
            packages: None,
        });
        test
    }

    /// Writes a user's model file.
    fn file(&self, name: &str, mark: &str) -> PathBuf {
        let path = self.own.join(name);
        fs::write(&path, model_bytes(mark)).unwrap();
        path
    }

    fn known(&self) -> PathBuf {
        self.own.join("known bytes.gguf")
    }

    fn names(&self) -> Vec<(String, bool, NameSource)> {
        let listed = self.cache.list().unwrap();
        let shown = |model: ListedModel| (model.name, model.is_present, model.source);
        listed.into_iter().map(shown).collect()
    }
}

#[test]
fn the_embedded_catalog_is_valid() {
    let catalog = Catalog::embedded().unwrap();
    assert!(catalog.get("smollm2-135m-instruct-q4_1").is_some());
    let mut names = BTreeSet::new();
    for model in &catalog.models {
        assert!(names.insert(&model.name), "{} is there twice", model.name);
        assert_eq!(model.file, format!("{}.gguf", model.name));
        assert!(!is_path(&model.name));
        assert_eq!(model.sha256.len(), 64);
        let hexadecimal = |letter| matches!(letter, '0'..='9' | 'a'..='f');
        assert!(model.sha256.chars().all(hexadecimal));
        assert!(model.bytes > 0 && !model.licence.is_empty() && !model.about.is_empty());
        assert!(model.hub.is_some() || model.packages.is_some());
        if let Some(packages) = &model.packages {
            assert_eq!(packages.index, "pip");
            assert!(packages.names.iter().all(|name| name.contains("==")));
        }
    }
    for model in &catalog.unpinned {
        assert!(names.insert(&model.name), "{} is there twice", model.name);
        // This is the name that `gepard models add` derives from the file's name.
        assert_eq!(format!("{}.gguf", model.name), model.hub.file.to_lowercase());
        assert!(!model.licence.is_empty() && !model.about.is_empty());
    }
}

#[test]
fn a_hash_is_the_standard_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("abc");
    fs::write(&path, "abc").unwrap();
    assert_eq!(sha256(&path).unwrap(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert!(matches!(sha256(&folder.path().join("none")), Err(ModelFileError::Read { .. })));
}

#[test]
fn names_and_paths_are_distinguished() {
    for path in ["model.gguf", "./model", "a/b", "/models/m.GGUF", "~/m.gguf"] {
        assert!(is_path(path), "{path}");
    }
    for name in ["qwen2.5-coder-0.5b-instruct-q4_k_m", "model", "gguf"] {
        assert!(!is_path(name), "{name}");
    }
}

#[test]
fn paths_are_relative_to_their_base() {
    let test = TestCache::new();
    let path = test.file("mine.gguf", "mine");
    assert_eq!(resolve("mine.gguf", &test.own).unwrap(), path);
    let absolute = path.to_str().unwrap();
    assert_eq!(resolve(absolute, Path::new("elsewhere")).unwrap(), path);
    let message = resolve("smollm2-135m-instruct-q4_1.gguf", &test.own).unwrap_err();
    assert!(message.to_string().ends_with("(did you mean `smollm2-135m-instruct-q4_1`?)"), "{message}");
}

#[test]
fn an_added_model_is_found_by_its_name() {
    let test = TestCache::new();
    let file = test.file("My Model (v2).gguf", "mine");
    let added = test.cache.add(&file, None).unwrap();
    assert_eq!(added.name, "my-model--v2-");
    assert!(!added.was_present && !added.is_in_catalog);
    assert_eq!(added.sha256, sha256(&file).unwrap());
    assert_eq!(test.cache.resolve("my-model--v2-").unwrap(), added.path);
    assert_eq!(fs::read(&added.path).unwrap(), fs::read(&file).unwrap());
    let listed = test.cache.list().unwrap();
    assert_eq!(listed[1].licence.as_deref(), Some("mit"));

    // Adding the same file again succeeds and changes nothing.
    let record = fs::read_to_string(test.cache.folder.join("added.toml")).unwrap();
    let again = test.cache.add(&file, None).unwrap();
    assert!(again.was_present);
    let after = fs::read_to_string(test.cache.folder.join("added.toml")).unwrap();
    assert_eq!(record, after);

    // No temporary file is left.
    for item in fs::read_dir(&test.cache.folder).unwrap() {
        let item = item.unwrap();
        let name = item.file_name().into_string().unwrap();
        assert!(!name.starts_with('.'), "{name}");
    }
}

#[test]
fn a_name_belongs_to_one_file() {
    let test = TestCache::new();
    let first = test.file("a.gguf", "first");
    let other = test.file("b.gguf", "other");
    test.cache.add(&first, Some("mine")).unwrap();
    let taken = |result| matches!(result, Err(ModelFileError::NameTaken { .. }));
    assert!(taken(test.cache.add(&other, Some("mine"))));
    assert!(taken(test.cache.add(&other, Some("known-1b-q4"))));
    test.cache.add(&other, Some("other")).unwrap();
    assert_eq!(test.names().len(), 3);
    for name in ["", ".", "..", "../out", "a/b", "x.gguf", "a b"] {
        let result = test.cache.add(&first, Some(name));
        assert!(matches!(result, Err(ModelFileError::BadName { .. })), "{name}");
    }
}

#[test]
fn a_file_of_the_catalog_gets_its_name_there() {
    let test = TestCache::new();
    let missing = test.cache.resolve("known-1b-q4").unwrap_err();
    assert!(missing.to_string().contains("scripts/fetch-models known-1b-q4"));
    let added = test.cache.add(&test.known(), Some("mine")).unwrap();
    assert!(added.is_in_catalog);
    assert_eq!(added.name, "known-1b-q4");
    assert_eq!(test.cache.resolve("known-1b-q4").unwrap(), added.path);
    assert!(!test.cache.folder.join("added.toml").exists());
    assert_eq!(test.names(), [("known-1b-q4".to_owned(), true, NameSource::Catalog)]);
}

#[test]
fn a_model_of_the_hub_is_named_and_pinned_when_its_file_is_added() {
    let mut test = TestCache::new();
    test.cache.catalog.unpinned.push(UnpinnedModel {
        name: "large-8b-q4".to_owned(),
        licence: "Apache-2.0".to_owned(),
        about: "known by name alone".to_owned(),
        hub: HubFile { repo: "owner/Large-GGUF".to_owned(), file: "Large-8B-Q4.gguf".to_owned() },
    });
    let test = test;
    for error in [test.cache.resolve("large-8b-q4").map(|_| ()), test.cache.verify(Some("large-8b-q4")).map(|_| ())] {
        let message = error.unwrap_err().to_string();
        assert!(message.contains("owner/Large-GGUF") && message.contains("gepard models add Large-8B-Q4.gguf"), "{message}");
    }
    assert_eq!(test.names().last().unwrap(), &("large-8b-q4".to_owned(), false, NameSource::Hub));
    assert!(test.cache.verify(None).unwrap().is_empty());
    let added = test.cache.add(&test.file("Large-8B-Q4.gguf", "large"), None).unwrap();
    assert_eq!(test.cache.resolve("large-8b-q4").unwrap(), added.path);
    assert_eq!(test.names().last().unwrap(), &("large-8b-q4".to_owned(), true, NameSource::Added));
    assert_eq!(test.cache.pinned(&added.path), Some(added.sha256));
}

#[test]
fn a_changed_file_of_the_cache_is_detected_and_replaced() {
    let test = TestCache::new();
    let known = test.cache.add(&test.known(), None).unwrap();
    let mine = test.cache.add(&test.file("mine.gguf", "mine"), None).unwrap();
    let loose = test.cache.folder.join("loose.gguf");
    fs::write(&loose, model_bytes("loose")).unwrap();
    let outcomes = || {
        let verified = test.cache.verify(None).unwrap();
        verified.into_iter().map(|one| one.outcome).collect::<Vec<_>>()
    };
    let actual = sha256(&loose).unwrap();
    let unpinned = VerifyOutcome::Unpinned { actual };
    assert_eq!(outcomes(), [VerifyOutcome::Ok, VerifyOutcome::Ok, unpinned.clone()]);
    assert_eq!(test.cache.resolve("loose").unwrap(), loose);

    // Other bytes of the same size are detected by the hash only.
    fs::write(&known.path, model_bytes("knowm")).unwrap();
    let seen = outcomes();
    let VerifyOutcome::Mismatch { expected, actual } = &seen[0] else {
        panic!("{seen:?}");
    };
    assert_eq!(*expected, known.sha256);
    assert_eq!(*actual, sha256(&known.path).unwrap());
    let again = test.cache.add(&test.known(), None).unwrap();
    assert!(!again.was_present);

    // Another size is detected without hashing.
    fs::write(&mine.path, "short").unwrap();
    let message = test.cache.resolve("mine").unwrap_err().to_string();
    assert!(message.contains("has 5 bytes") && message.contains("--name mine"), "{message}");
    fs::remove_file(&mine.path).unwrap();
    assert_eq!(outcomes(), [VerifyOutcome::Ok, VerifyOutcome::Missing, unpinned]);
    assert!(matches!(test.cache.resolve("mine"), Err(ModelFileError::Gone { .. })));
    test.cache.add(&test.own.join("mine.gguf"), None).unwrap();
    assert_eq!(test.cache.verify(Some("mine")).unwrap()[0].outcome, VerifyOutcome::Ok);
}

#[test]
fn an_unknown_name_gives_the_most_similar_one() {
    let test = TestCache::new();
    let message = |name| test.cache.resolve(name).unwrap_err().to_string();
    assert!(message("known-1b").contains("did you mean `known-1b-q4`?"));
    assert!(message("Known-1B-Q4").contains("did you mean `known-1b-q4`?"));
    assert!(!message("zzz").contains("did you mean"));
    assert!(message("zzz").contains("gepard models list"));
    assert!(test.cache.verify(Some("zzz")).is_err());
    let absent = test.cache.verify(Some("known-1b-q4"));
    assert!(matches!(absent, Err(ModelFileError::NotFetched { .. })));
    assert!(test.cache.verify(None).unwrap().is_empty());
}

#[test]
fn a_file_that_is_not_a_model_is_not_added() {
    let test = TestCache::new();
    let page = test.own.join("page.gguf");
    fs::write(&page, "<html>").unwrap();
    assert!(matches!(test.cache.add(&page, None), Err(ModelFileError::Gguf(_))));
    assert!(!test.cache.folder.exists());
}

#[test]
fn an_invalid_record_is_an_error_that_names_its_file() {
    let test = TestCache::new();
    fs::create_dir_all(&test.cache.folder).unwrap();
    let record = test.cache.folder.join("added.toml");
    let sound = "name = \"x\"\nbytes = 1\nsha256 = \"0\"\n";
    for text in ["[[model]]\nname = 3".to_owned(), format!("[[model]]\nfile = \"../../x.gguf\"\n{sound}")] {
        fs::write(&record, text).unwrap();
        let message = test.cache.resolve("x").unwrap_err().to_string();
        assert!(message.contains("added.toml cannot be understood"), "{message}");
    }
}

#[test]
fn models_that_are_added_at_the_same_time_are_all_recorded() {
    let test = TestCache::new();
    let files: Vec<_> = (0..8).map(|number| test.file(&format!("m{number}.gguf"), &number.to_string())).collect();
    std::thread::scope(|scope| {
        for file in &files {
            scope.spawn(|| test.cache.add(file, None).unwrap());
        }
    });
    assert_eq!(test.names().len(), 9);
    let verified = test.cache.verify(None).unwrap();
    assert!(verified.iter().all(|one| one.outcome == VerifyOutcome::Ok));
}
