//! The catalog itself, and a cache in a folder of the test's own.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;

use super::*;

/// The smallest file that passes for a model: `mark` makes it differ from others.
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

/// A cache whose catalog knows one model, `known`, that is not there yet.
struct Place {
    cache: Cache,
    own: PathBuf,
    _folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        fs::create_dir(&own).unwrap();
        let mut place = Self {
            cache: Cache { folder: folder.path().join("cache"), catalog: Catalog { models: Vec::new(), unpinned: Vec::new() } },
            own,
            _folder: folder,
        };
        let known = place.file("known bytes.gguf", "known");
        place.cache.catalog.models.push(Entry {
            name: "known-1b-q4".to_owned(),
            file: "known-1b-q4.gguf".to_owned(),
            bytes: fs::metadata(&known).unwrap().len(),
            sha256: sha256(&known).unwrap(),
            licence: "Apache-2.0".to_owned(),
            about: "a model of the catalog".to_owned(),
            hub: None,
            packages: None,
        });
        place
    }

    /// A user's own model file.
    fn file(&self, name: &str, mark: &str) -> PathBuf {
        let path = self.own.join(name);
        fs::write(&path, model_bytes(mark)).unwrap();
        path
    }

    fn known(&self) -> PathBuf {
        self.own.join("known bytes.gguf")
    }

    fn names(&self) -> Vec<(String, bool, Source)> {
        let listed = self.cache.list().unwrap();
        let shown = |model: Listed| (model.name, model.present, model.source);
        listed.into_iter().map(shown).collect()
    }
}

#[test]
fn the_embedded_catalog_is_sound() {
    let catalog = Catalog::embedded().unwrap();
    assert!(catalog.get("smollm2-135m-instruct-q4_1").is_some());
    let mut names = BTreeSet::new();
    for entry in &catalog.models {
        assert!(names.insert(&entry.name), "{} is there twice", entry.name);
        assert_eq!(entry.file, format!("{}.gguf", entry.name));
        assert!(!cache::is_path(&entry.name));
        assert_eq!(entry.sha256.len(), 64);
        let hexadecimal = |letter| matches!(letter, '0'..='9' | 'a'..='f');
        assert!(entry.sha256.chars().all(hexadecimal));
        assert!(entry.bytes > 0 && !entry.licence.is_empty() && !entry.about.is_empty());
        assert!(entry.hub.is_some() || entry.packages.is_some());
        if let Some(packages) = &entry.packages {
            assert_eq!(packages.index, "pip");
            assert!(packages.names.iter().all(|name| name.contains("==")));
        }
    }
    for entry in &catalog.unpinned {
        assert!(names.insert(&entry.name), "{} is there twice", entry.name);
        // What `gepard models add` makes of the file's own name.
        assert_eq!(format!("{}.gguf", entry.name), entry.hub.file.to_lowercase());
        assert!(!entry.licence.is_empty() && !entry.about.is_empty());
    }
}

#[test]
fn a_hash_is_the_standard_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("abc");
    fs::write(&path, "abc").unwrap();
    assert_eq!(sha256(&path).unwrap(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let mut goes_on = [ControlFlow::Continue(()), ControlFlow::Break(())].into_iter().cycle();
    assert_eq!(sha256_while(&path, &mut || goes_on.next().unwrap()).unwrap(), Some(sha256(&path).unwrap()));
    assert_eq!(sha256_while(&path, &mut || goes_on.next().unwrap()).unwrap(), None);
    assert!(matches!(sha256(&folder.path().join("none")), Err(ModelFileError::Read { .. })));
}

#[test]
fn names_and_paths_are_told_apart() {
    for path in ["model.gguf", "./model", "a/b", "/models/m.GGUF", "~/m.gguf"] {
        assert!(cache::is_path(path), "{path}");
    }
    for name in ["qwen2.5-coder-0.5b-instruct-q4_k_m", "model", "gguf"] {
        assert!(!cache::is_path(name), "{name}");
    }
}

#[test]
fn paths_are_relative_to_their_base() {
    let place = Place::new();
    let path = place.file("mine.gguf", "mine");
    assert_eq!(resolve("mine.gguf", &place.own).unwrap(), path);
    let absolute = path.to_str().unwrap();
    assert_eq!(resolve(absolute, Path::new("elsewhere")).unwrap(), path);
    let said = resolve("smollm2-135m-instruct-q4_1.gguf", &place.own).unwrap_err();
    assert!(said.to_string().ends_with("(did you mean `smollm2-135m-instruct-q4_1`?)"), "{said}");
}

#[test]
fn an_added_model_is_found_by_its_name() {
    let place = Place::new();
    let file = place.file("My Model (v2).gguf", "mine");
    let added = place.cache.add(&file, None).unwrap();
    assert_eq!(added.name, "my-model--v2-");
    assert!(!added.already && !added.in_catalog);
    assert_eq!(added.sha256, sha256(&file).unwrap());
    assert_eq!(place.cache.resolve("my-model--v2-").unwrap(), added.path);
    assert_eq!(fs::read(&added.path).unwrap(), fs::read(&file).unwrap());
    let listed = place.cache.list().unwrap();
    assert_eq!(listed[1].licence.as_deref(), Some("mit"));

    // The same again is fine and changes nothing.
    let record = fs::read_to_string(place.cache.folder.join("added.toml")).unwrap();
    let again = place.cache.add(&file, None).unwrap();
    assert!(again.already);
    let after = fs::read_to_string(place.cache.folder.join("added.toml")).unwrap();
    assert_eq!(record, after);

    // Nothing is left over, and others may read what is there.
    for item in fs::read_dir(&place.cache.folder).unwrap() {
        let item = item.unwrap();
        let name = item.file_name().into_string().unwrap();
        assert!(!name.starts_with('.'), "{name}");
    }
}

#[test]
fn a_name_stands_for_one_file() {
    let place = Place::new();
    let first = place.file("a.gguf", "first");
    let other = place.file("b.gguf", "other");
    place.cache.add(&first, Some("mine")).unwrap();
    let taken = |result| matches!(result, Err(ModelFileError::NameTaken { .. }));
    assert!(taken(place.cache.add(&other, Some("mine"))));
    assert!(taken(place.cache.add(&other, Some("known-1b-q4"))));
    place.cache.add(&other, Some("other")).unwrap();
    assert_eq!(place.names().len(), 3);
    for name in ["", ".", "..", "../out", "a/b", "x.gguf", "a b"] {
        let result = place.cache.add(&first, Some(name));
        assert!(matches!(result, Err(ModelFileError::BadName { .. })), "{name}");
    }
}

#[test]
fn a_file_of_the_catalog_gets_its_name_there() {
    let place = Place::new();
    let missing = place.cache.resolve("known-1b-q4").unwrap_err();
    assert!(missing.to_string().contains("scripts/fetch-models known-1b-q4"));
    let added = place.cache.add(&place.known(), Some("mine")).unwrap();
    assert!(added.in_catalog);
    assert_eq!(added.name, "known-1b-q4");
    assert_eq!(place.cache.resolve("known-1b-q4").unwrap(), added.path);
    assert!(!place.cache.folder.join("added.toml").exists());
    assert_eq!(place.names(), [("known-1b-q4".to_owned(), true, Source::Catalog)]);
}

#[test]
fn a_model_of_the_hub_is_told_and_pinned_when_its_file_comes() {
    let mut place = Place::new();
    place.cache.catalog.unpinned.push(Unpinned {
        name: "large-8b-q4".to_owned(),
        licence: "Apache-2.0".to_owned(),
        about: "known by name alone".to_owned(),
        hub: Hub { repo: "owner/Large-GGUF".to_owned(), file: "Large-8B-Q4.gguf".to_owned() },
    });
    let place = place;
    for error in [place.cache.resolve("large-8b-q4").map(|_| ()), place.cache.verify(Some("large-8b-q4")).map(|_| ())] {
        let said = error.unwrap_err().to_string();
        assert!(said.contains("owner/Large-GGUF") && said.contains("gepard models add Large-8B-Q4.gguf"), "{said}");
    }
    assert_eq!(place.names().last().unwrap(), &("large-8b-q4".to_owned(), false, Source::Hub));
    assert!(place.cache.verify(None).unwrap().is_empty());
    let added = place.cache.add(&place.file("Large-8B-Q4.gguf", "large"), None).unwrap();
    assert_eq!(place.cache.resolve("large-8b-q4").unwrap(), added.path);
    assert_eq!(place.names().last().unwrap(), &("large-8b-q4".to_owned(), true, Source::Added));
    assert_eq!(place.cache.pinned(&added.path), Some(added.sha256));
}

#[test]
fn what_changed_in_the_cache_is_noticed_and_cured() {
    let place = Place::new();
    let known = place.cache.add(&place.known(), None).unwrap();
    let mine = place.cache.add(&place.file("mine.gguf", "mine"), None).unwrap();
    let loose = place.cache.folder.join("loose.gguf");
    fs::write(&loose, model_bytes("loose")).unwrap();
    let outcomes = || {
        let verified = place.cache.verify(None).unwrap();
        verified.into_iter().map(|one| one.outcome).collect::<Vec<_>>()
    };
    let actual = sha256(&loose).unwrap();
    let unpinned = Outcome::Unpinned { actual };
    assert_eq!(outcomes(), [Outcome::Ok, Outcome::Ok, unpinned.clone()]);
    assert_eq!(place.cache.resolve("loose").unwrap(), loose);

    // Other bytes of the same size: only a hash tells.
    fs::write(&known.path, model_bytes("knowm")).unwrap();
    let seen = outcomes();
    let Outcome::Mismatch { expected, actual } = &seen[0] else {
        panic!("{seen:?}");
    };
    assert_eq!(*expected, known.sha256);
    assert_eq!(*actual, sha256(&known.path).unwrap());
    let again = place.cache.add(&place.known(), None).unwrap();
    assert!(!again.already);

    // Another size is seen without hashing.
    fs::write(&mine.path, "short").unwrap();
    let said = place.cache.resolve("mine").unwrap_err().to_string();
    assert!(said.contains("has 5 bytes") && said.contains("--name mine"), "{said}");
    fs::remove_file(&mine.path).unwrap();
    assert_eq!(outcomes(), [Outcome::Ok, Outcome::Missing, unpinned]);
    assert!(matches!(place.cache.resolve("mine"), Err(ModelFileError::Gone { .. })));
    place.cache.add(&place.own.join("mine.gguf"), None).unwrap();
    assert_eq!(place.cache.verify(Some("mine")).unwrap()[0].outcome, Outcome::Ok);
}

#[test]
fn unknown_names_name_the_nearest() {
    let place = Place::new();
    let said = |name| place.cache.resolve(name).unwrap_err().to_string();
    assert!(said("known-1b").contains("did you mean `known-1b-q4`?"));
    assert!(said("Known-1B-Q4").contains("did you mean `known-1b-q4`?"));
    assert!(!said("zzz").contains("did you mean"));
    assert!(said("zzz").contains("gepard models list"));
    assert!(place.cache.verify(Some("zzz")).is_err());
    let absent = place.cache.verify(Some("known-1b-q4"));
    assert!(matches!(absent, Err(ModelFileError::NotFetched { .. })));
    assert!(place.cache.verify(None).unwrap().is_empty());
}

#[test]
fn what_is_no_model_is_not_added() {
    let place = Place::new();
    let page = place.own.join("page.gguf");
    fs::write(&page, "<html>").unwrap();
    assert!(matches!(place.cache.add(&page, None), Err(ModelFileError::Gguf(_))));
    assert!(!place.cache.folder.exists());
}

#[test]
fn a_broken_record_is_an_error_that_names_it() {
    let place = Place::new();
    fs::create_dir_all(&place.cache.folder).unwrap();
    let record = place.cache.folder.join("added.toml");
    let sound = "name = \"x\"\nbytes = 1\nsha256 = \"0\"\n";
    for text in ["[[model]]\nname = 3".to_owned(), format!("[[model]]\nfile = \"../../x.gguf\"\n{sound}")] {
        fs::write(&record, text).unwrap();
        let said = place.cache.resolve("x").unwrap_err().to_string();
        assert!(said.contains("added.toml cannot be understood"), "{said}");
    }
}

#[test]
fn many_adders_at_once_lose_nothing() {
    let place = Place::new();
    let files: Vec<_> = (0..8).map(|number| place.file(&format!("m{number}.gguf"), &number.to_string())).collect();
    std::thread::scope(|scope| {
        for file in &files {
            scope.spawn(|| place.cache.add(file, None).unwrap());
        }
    });
    assert_eq!(place.names().len(), 9);
    let verified = place.cache.verify(None).unwrap();
    assert!(verified.iter().all(|one| one.outcome == Outcome::Ok));
}
