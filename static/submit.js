// Improves the upload form: drag and drop, a size check before anything is sent, and a progress
// bar. Without this script it is a plain form that does the same.
"use strict";
{
const prepare = (form) => {
  const input = form.elements.namedItem("file");
  const drop = document.getElementById("drop");
  const problem = document.getElementById("file-error");
  const progress = document.getElementById("upload-progress");
  const button = form.querySelector("button");

  const showProblem = (sentence) => {
    problem.textContent = sentence;
    if (sentence) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };

  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

  const problemWithFile = () => {
    const file = input.files[0];
    if (!file) return "";
    const limit = Number(form.dataset.maxBytes);
    if (file.size > limit) {
      return `${file.name} is ${megabytes(file.size)}; this track accepts at most ${form.dataset.maxSize}. Only prediction files belong in the zip.`;
    }
    if (file.size === 0) return `${file.name} is empty.`;
    return "";
  };

  input.addEventListener("change", () => showProblem(problemWithFile()));

  drop.querySelector(".drop-word").hidden = false;
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) {
    drop.addEventListener(kind, () => drop.classList.remove("over"));
  }
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length !== 1) {
      showProblem("One zip at a time.");
      return;
    }
    input.files = event.dataTransfer.files;
    showProblem(problemWithFile());
  });

  const showSent = (share) => {
    progress.hidden = false;
    progress.querySelector("progress").value = share;
    progress.querySelector("[role=status]").textContent = share < 1 ? `${Math.floor(share * 100)} % sent` : "checking every file";
  };

  const giveUp = (sentence) => {
    progress.hidden = true;
    button.disabled = false;
    showProblem(sentence);
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const sentence = problemWithFile();
    if (sentence) {
      showProblem(sentence);
      input.focus();
      return;
    }
    button.disabled = true;
    showSent(0);
    const request = new XMLHttpRequest();
    request.upload.addEventListener("progress", (sent) => {
      if (sent.lengthComputable) showSent(sent.loaded / sent.total);
    });
    request.addEventListener("load", () => {
      const page = request.responseXML;
      if (request.responseURL && new URL(request.responseURL).pathname !== new URL(form.action).pathname) {
        location.assign(request.responseURL);
      } else if (page && page.querySelector("main")) {
        // The form came back with its errors: show it as the browser would have.
        document.querySelector("main").replaceWith(page.querySelector("main"));
        document.title = page.title;
        scrollTo(0, 0);
        begin();
      } else {
        giveUp("The server did not answer as expected. Try again; nothing was counted twice.");
      }
    });
    request.addEventListener("error", () => giveUp("The connection broke before the server answered. See My submissions before you send it again."));
    request.open("POST", form.action);
    request.responseType = "document";
    request.send(new FormData(form));
  });
};

const begin = () => {
  const form = document.getElementById("upload");
  if (form) prepare(form);
};

begin();
}
