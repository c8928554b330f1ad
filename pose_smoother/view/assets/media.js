// The clip behind the skeletons: the file itself as a video, or still pictures of some frames.

const M = D.media;
const video = $('clip-video');
const clip = { ready: false, failed: '', stills: [] };
const clipTime = (frame) => (D.first + D.step * frame - M.first + 0.5) / M.fps;

function openClip() {
  if (!M) { video.remove(); return; }
  $('clip-check').hidden = false;
  if (M.kind === 'stills') {
    video.remove();
    M.pictures.forEach((text, i) => {
      const picture = new Image();
      picture.onload = () => { clip.stills[i] = picture; redraw('media'); };
      picture.src = `data:image/jpeg;base64,${text}`;
    });
    return;
  }
  video.addEventListener('loadeddata', () => {
    [M.width, M.height] = [video.videoWidth, video.videoHeight];
    wholeBoxes.clear();
    clip.ready = true;
    seekClip();
    redraw('media');
  });
  video.addEventListener('seeked', () => redraw('media'));
  video.addEventListener('error', () => {
    clip.failed = `${M.name} cannot be played here: drawn without it`;
    redraw('media');
  });
  video.src = M.data ? URL.createObjectURL(new Blob([bytes(M.data)], { type: M.type })) : M.path;
  delete M.data;
}

/** Show the clip at the current frame; while it plays it runs by itself. */
function seekClip() {
  if (!clip.ready || S.playing) return;
  const time = clipTime(S.frame);
  if (Math.abs(video.currentTime - time) > 0.2 / M.fps) video.currentTime = Math.max(0, time);
}

/** The picture of a frame, or null. */
function clipPicture(frame) {
  if (!M || !S.clip) return null;
  if (M.kind === 'stills') {
    const i = Math.floor((D.first + D.step * frame - M.first) / M.every);
    return clip.stills[Math.max(0, Math.min(M.pictures.length - 1, i))] || null;
  }
  return clip.ready ? video : null;
}

/** The frame that the playing clip shows, or null where the clock decides. */
function clipFrame() {
  if (!clip.ready || video.paused || video.ended || !M || M.kind === 'stills') return null;
  return Math.floor((video.currentTime * M.fps + 1e-3 + M.first - D.first) / D.step);
}
